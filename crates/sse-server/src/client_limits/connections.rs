//! How many connections each address has open, and how many event streams each subject.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use parking_lot::Mutex;

/// Counts those of keys that have any.
#[derive(Debug, Clone)]
pub(super) struct Connections<K> {
    most: Option<NonZeroU32>,
    open: Arc<Mutex<HashMap<K, u32>>>,
}

/// The place of one connection, as long as it lives.
#[derive(Debug)]
pub(crate) struct Slot<K: Eq + Hash = IpAddr> {
    counted: Option<Box<Counted<K>>>,
}

#[derive(Debug)]
struct Counted<K: Eq + Hash> {
    all: Connections<K>,
    key: K,
}

/// Of nobody.
impl<K: Eq + Hash> Default for Slot<K> {
    fn default() -> Self {
        Self { counted: None }
    }
}

impl<K: Eq + Hash + Clone> Connections<K> {
    pub(super) fn new(most: Option<NonZeroU32>) -> Self {
        Self { most, open: Arc::default() }
    }

    /// What is open of these keys counts here too.
    pub(super) fn count_on(&mut self, old: &Self) {
        self.open = Arc::clone(&old.open);
    }

    /// A place for one more connection of this key, if it has one left. `None` always has.
    pub(super) fn take(&self, key: Option<K>) -> Option<Slot<K>> {
        let Some((most, key)) = self.most.zip(key) else { return Some(Slot::default()) };
        let mut open = self.open.lock();
        let count = open.entry(key.clone()).or_default();
        if *count >= most.get() {
            return None;
        }
        *count += 1;
        Some(Slot { counted: Some(Box::new(Counted { all: self.clone(), key })) })
    }
}

impl Slot {
    /// A further place for the same address, if it has one left.
    pub(crate) fn another(&self) -> Option<Self> {
        match &self.counted {
            Some(counted) => counted.all.take(Some(counted.key)),
            None => Some(Self::default()),
        }
    }
}

impl<K: Eq + Hash> Drop for Counted<K> {
    fn drop(&mut self) {
        let mut open = self.all.open.lock();
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_places_and_leaves_those_of_others() {
        let connections = Connections::<IpAddr>::new(NonZeroU32::new(2));
        let take = |peer: &str| connections.take(Some(peer.parse().unwrap()));
        let first = take("192.0.2.1");
        let _second = take("192.0.2.1").expect("a second place");
        assert!(take("192.0.2.1").is_none());
        assert!(take("192.0.2.2").is_some());
        drop(first);
        assert!(take("192.0.2.1").is_some());
        let _unlimited: Vec<_> = (0..5).map(|_| connections.take(None).unwrap()).collect();
        assert_eq!(connections.open.lock().len(), 1, "who has none is forgotten");
    }
}
