//! What is out of the index but still in the file, and how it leaves the file: in portions, with what is appended or when
//! there is nothing else to do. Decides nothing: what has to go is known when it comes here.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use sse_core::Topic;

use super::store::Write;

/// Records removed with a group at the least, so that removing keeps up with appending.
const REMOVED_WITH_GROUP: usize = 256;
/// Records removed in one transaction when there is nothing else to do. Takes about a millisecond.
const REMOVED_AT_REST: usize = 512;

/// Records and keys that have to leave the file.
#[derive(Debug, Default)]
pub(super) struct Removal {
    /// Oldest first.
    records: VecDeque<(Arc<Topic>, u64)>,
    keys: Vec<Arc<str>>,
}

/// So many of the records, and all of the keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portion(usize);

impl Removal {
    pub(super) fn add_records(&mut self, topic: &Arc<Topic>, seqs: Vec<u64>) {
        self.records.extend(seqs.into_iter().map(|seq| (Arc::clone(topic), seq)));
    }

    pub(super) fn add_keys(&mut self, keys: Vec<Arc<str>>) {
        self.keys.extend(keys);
    }

    /// Is there a record that still needs the row of its topic?
    pub(super) fn has_records(&self) -> bool {
        !self.records.is_empty()
    }

    /// What goes with a group of so many records.
    pub(super) fn with_group(&self, appended: usize) -> Portion {
        Portion(self.records.len().min(REMOVED_WITH_GROUP.max(2 * appended)))
    }

    /// What goes when there is nothing else to do; `None` when nothing is left.
    pub(super) fn at_rest(&self) -> Option<Portion> {
        let is_empty = self.records.is_empty() && self.keys.is_empty();
        (!is_empty).then(|| Portion(self.records.len().min(REMOVED_AT_REST)))
    }

    /// Takes a portion out of the file. `rows` has the row of each topic.
    pub(super) fn write(
        &self,
        Portion(count): Portion,
        write: &Write<'_>,
        rows: &HashMap<Arc<Topic>, i64>,
    ) -> rusqlite::Result<()> {
        let portion = self.records.iter().take(count);
        let mut seqs: Vec<u64> = portion.clone().map(|(_, seq)| *seq).collect();
        seqs.sort_unstable();
        for run in seqs.chunk_by(|seq, next| seq + 1 == *next) {
            if let (Some(first), Some(last)) = (run.first(), run.last()) {
                write.delete_records(*first, *last)?;
            }
        }
        let newest: HashMap<_, _> = portion.map(|(topic, seq)| (topic, *seq)).collect();
        for (topic, seq) in newest {
            if let Some(row) = rows.get(topic) {
                write.set_removed(*row, seq)?;
            }
        }
        self.keys.iter().try_for_each(|key| write.delete_key(key))
    }

    /// Notes that the portion is out of the file for good.
    pub(super) fn written(&mut self, Portion(count): Portion) {
        self.records.drain(..count.min(self.records.len()));
        self.keys.clear();
    }
}
