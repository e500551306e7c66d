//! Idempotency keys of the last minutes, and where their batches are. A key begins with the topic or path that it belongs
//! to. The keys of one first segment share a place: when places become scarce, the largest share gives up its oldest, so
//! that nobody pushes out the keys of others.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::append::AppendReceipt;

/// How long a key is remembered.
const KEY_WINDOW_MILLIS: u64 = 10 * 60 * 1000;
/// How often keys that are past it are looked for.
const LOOK_EVERY_MILLIS: u64 = 1000;
/// Most keys that are remembered.
const MAX_KEYS: usize = 100_000;
/// From this many keys on, a share has at most [`MAX_SHARE`].
const SCARCE: usize = MAX_KEYS / 4 * 3;
const MAX_SHARE: usize = MAX_KEYS / 4;

/// What is remembered of the keys. Bounded in time and number.
#[derive(Debug, Default)]
pub(super) struct Keys {
    known: HashMap<Arc<str>, AppendReceipt>,
    /// By first segment; oldest first, with the time in milliseconds.
    shares: HashMap<Arc<str>, VecDeque<(u64, Arc<str>)>>,
    /// Number of keys, time of the oldest, and name of each share: the last one gives up a key first.
    sizes: BTreeSet<(usize, Reverse<u64>, Arc<str>)>,
    /// When keys past their window were last looked for.
    looked: u64,
}

impl Keys {
    /// What the key stands for, if it is known.
    pub(super) fn get(&self, key: &str) -> Option<AppendReceipt> {
        self.known.get(key).map(|receipt| AppendReceipt { repeated: true, ..*receipt })
    }

    pub(super) fn insert(&mut self, key: Arc<str>, receipt: AppendReceipt, now: u64) {
        if self.known.insert(Arc::clone(&key), receipt).is_none() {
            self.change(share(&key), |keys| keys.push_back((now, key)));
        }
    }

    /// Forgets the keys that are past their window, and those for which there is no place.
    pub(super) fn expire(&mut self, now: u64) -> Vec<Arc<str>> {
        let mut forgotten = Vec::new();
        if now >= self.looked + LOOK_EVERY_MILLIS {
            self.looked = now;
            let is_past = |keys: &VecDeque<(u64, Arc<str>)>| {
                keys.front().is_some_and(|(time, _)| time + KEY_WINDOW_MILLIS < now)
            };
            let shares = self.shares.iter().filter(|(_, keys)| is_past(keys));
            for share in shares.map(|(share, _)| Arc::clone(share)).collect::<Vec<_>>() {
                while self.shares.get(&share).is_some_and(is_past) {
                    forgotten.extend(self.forget_oldest(&share));
                }
            }
        }
        while self.known.len() > SCARCE
            && let Some((largest, _, share)) = self.sizes.last().cloned()
            && (largest > MAX_SHARE || self.known.len() > MAX_KEYS)
        {
            forgotten.extend(self.forget_oldest(&share));
        }
        forgotten
    }

    fn forget_oldest(&mut self, share: &Arc<str>) -> Option<Arc<str>> {
        let (_, key) = self.change(Arc::clone(share), VecDeque::pop_front)?;
        self.known.remove(&key);
        Some(key)
    }

    fn change<R>(&mut self, share: Arc<str>, change: impl FnOnce(&mut VecDeque<(u64, Arc<str>)>) -> R) -> R {
        let place = |keys: &VecDeque<(u64, Arc<str>)>| {
            let oldest = keys.front().map_or(0, |(time, _)| *time);
            (keys.len(), Reverse(oldest), Arc::clone(&share))
        };
        let keys = self.shares.entry(Arc::clone(&share)).or_default();
        self.sizes.remove(&place(keys));
        let changed = change(keys);
        if keys.is_empty() {
            self.shares.remove(&share);
        } else {
            self.sizes.insert(place(keys));
        }
        changed
    }
}

/// The first segment of what a key belongs to. Paths begin with a slash, and the server's own endpoints are few: one share.
fn share(key: &str) -> Arc<str> {
    key.split(['/', '\0']).next().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(keys: &mut Keys, key: &str, now: u64) -> Vec<Arc<str>> {
        keys.insert(key.into(), AppendReceipt { first: now, count: 1, repeated: false }, now);
        keys.expire(now)
    }

    #[test]
    fn a_flood_of_keys_pushes_out_its_own() {
        let mut keys = Keys::default();
        insert(&mut keys, "orders\0mine", 1);
        for nth in 0..MAX_KEYS as u64 + 800 {
            insert(&mut keys, &format!("flood/{}\0k{nth}", nth % 50), 2 + nth / 1000);
        }
        assert!(keys.get("orders\0mine").is_some());
        assert_eq!(keys.known.len(), SCARCE);
        assert!(keys.get("flood/0\0k0").is_none(), "its oldest");
    }

    #[test]
    fn there_are_never_more_than_the_limit() {
        let mut keys = Keys::default();
        for nth in 0..MAX_KEYS as u64 + 800 {
            insert(&mut keys, &format!("flood-{nth}\0k"), 1 + nth / 1000);
            if nth == MAX_KEYS as u64 - 1000 {
                insert(&mut keys, "zebra\0mine", 1 + nth / 1000);
            }
        }
        assert!(keys.get("zebra\0mine").is_some(), "older ones went, whatever their names");
        assert_eq!((keys.known.len(), keys.shares.len(), keys.sizes.len()), (MAX_KEYS, MAX_KEYS, MAX_KEYS));
    }

    #[test]
    fn a_key_is_forgotten_after_its_window() {
        let mut keys = Keys::default();
        insert(&mut keys, "a\0k", 5000);
        insert(&mut keys, "a\0later", 6000);
        assert_eq!(keys.expire(5000 + KEY_WINDOW_MILLIS), Vec::<Arc<str>>::new());
        assert_eq!(keys.expire(6000 + KEY_WINDOW_MILLIS), [Arc::from("a\0k")]);
        assert_eq!(keys.expire(8000 + KEY_WINDOW_MILLIS), [Arc::from("a\0later")]);
        assert_eq!((keys.known.len(), keys.shares.len(), keys.sizes.len()), (0, 0, 0));
    }
}
