//! Records that were read from the file last. After a restart thousands of subscribers ask for the same ones at once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::log::index::Plan;
use crate::log::record::Record;

/// Bytes of a generation. There are two: a full one pushes out the one before it.
const MAX_BYTES: usize = 4 << 20;
/// What a record costs beside its frame.
const RECORD_BYTES: usize = 192;

/// Records by seq; what was not asked for in a long time goes.
#[derive(Debug, Default)]
pub(super) struct Recent {
    young: HashMap<u64, Arc<Record>>,
    old: HashMap<u64, Arc<Record>>,
    young_bytes: usize,
}

impl Recent {
    /// Gives the plan what is here of its records.
    pub(super) fn fill(&mut self, plan: &mut Plan) {
        for wanted in plan.wanted.iter_mut().filter(|wanted| wanted.record.is_none()) {
            wanted.record = self.get(wanted.seq);
        }
    }

    fn get(&mut self, seq: u64) -> Option<Arc<Record>> {
        if let Some(record) = self.young.get(&seq) {
            return Some(Arc::clone(record));
        }
        let record = self.old.remove(&seq)?;
        self.keep(&record);
        Some(record)
    }

    pub(super) fn keep(&mut self, record: &Arc<Record>) {
        if self.young.insert(record.seq, Arc::clone(record)).is_some() {
            return;
        }
        self.young_bytes += record.frame.len() + RECORD_BYTES;
        if self.young_bytes > MAX_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fanout::record;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let mut recent = Recent::default();
        for seq in 0..40 {
            recent.keep(&record(seq, "a", &"x".repeat(MAX_BYTES / 8)));
            assert!(recent.get(0).is_some(), "{seq}");
            assert!(recent.young.len() + recent.old.len() <= 16);
        }
        assert!(recent.get(39).is_some());
        assert!(recent.get(1).is_none());
    }
}
