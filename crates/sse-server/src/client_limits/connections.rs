//! How many connections each address has open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use parking_lot::Mutex;

/// Counts those of addresses that have any.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    most: Option<NonZeroU32>,
    open: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// The place of one connection, as long as it lives.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    counted: Option<Box<Counted>>,
}

#[derive(Debug)]
struct Counted {
    all: Connections,
    address: IpAddr,
}

impl Connections {
    pub(super) fn new(most: Option<NonZeroU32>) -> Self {
        Self { most, open: Arc::default() }
    }

    /// A place for one more connection from this address, if it has one left. `None` always has.
    pub(super) fn take(&self, address: Option<IpAddr>) -> Option<Slot> {
        let Some((most, address)) = self.most.zip(address) else { return Some(Slot::default()) };
        let mut open = self.open.lock();
        let count = open.entry(address).or_default();
        if *count >= most.get() {
            return None;
        }
        *count += 1;
        Some(Slot { counted: Some(Box::new(Counted { all: self.clone(), address })) })
    }
}

impl Slot {
    /// A further place for the same address, if it has one left.
    pub(crate) fn another(&self) -> Option<Self> {
        match &self.counted {
            Some(counted) => counted.all.take(Some(counted.address)),
            None => Some(Self::default()),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.all.open.lock();
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_places_and_leaves_those_of_others() {
        let connections = Connections::new(NonZeroU32::new(2));
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
