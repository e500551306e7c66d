//! Idempotency keys of the last minutes, and where their batches are.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::append::AppendReceipt;

/// How long a key is remembered.
const KEY_WINDOW_MILLIS: u64 = 10 * 60 * 1000;
/// Most keys that are remembered; the oldest go first.
const MAX_KEYS: usize = 100_000;

/// What is remembered of the keys. Bounded in time and number.
#[derive(Debug, Default)]
pub(super) struct Keys {
    known: HashMap<Arc<str>, AppendReceipt>,
    /// Oldest first, with the time in milliseconds.
    order: VecDeque<(u64, Arc<str>)>,
}

impl Keys {
    /// What the key stands for, if it is known.
    pub(super) fn get(&self, key: &str) -> Option<AppendReceipt> {
        self.known.get(key).map(|receipt| AppendReceipt { repeated: true, ..*receipt })
    }

    pub(super) fn insert(&mut self, key: Arc<str>, receipt: AppendReceipt, now: u64) {
        self.known.insert(Arc::clone(&key), receipt);
        self.order.push_back((now, key));
    }

    /// Forgets the keys that are past their window, and the oldest when there are too many.
    pub(super) fn expire(&mut self, now: u64) -> Vec<Arc<str>> {
        let mut forgotten = Vec::new();
        while let Some((time, _)) = self.order.front()
            && (time + KEY_WINDOW_MILLIS < now || self.order.len() > MAX_KEYS)
            && let Some((_, key)) = self.order.pop_front()
        {
            self.known.remove(&key);
            forgotten.push(key);
        }
        forgotten
    }
}
