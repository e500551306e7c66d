//! Purging: deletes records from the file after retention has removed them from the index. Decides nothing itself.
//!
//! Retention works in two steps. The index forgets a record the moment a limit of its topic's policy is exceeded: when a
//! newer one is appended, or on the tick that looks for age. From then on no read returns it. Deleting its row costs a
//! write and an fsync, so the seq goes into the [`PurgeQueue`] instead. Each group that is committed for publishers
//! takes a [`PurgeBatch`] along, at least twice as many rows as it appends, so that the file cannot grow under load
//! while no publisher pays for a transaction of its own. When no publisher waits, small transactions clear the rest. Seqs
//! that follow each other go with one statement. In the same transaction the topic's row learns the newest seq removed,
//! so that after a crash a subscriber behind it is still told of the gap; a row that outlived the crash is purged again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use sse_core::Topic;

use super::store::Write;

/// Records removed with a group at the least, so that removing keeps up with appending.
const PURGED_WITH_GROUP: usize = 256;
/// Records removed in one transaction when there is nothing else to do. Takes about a millisecond.
const PURGED_WHILE_IDLE: usize = 512;

/// Records and keys that have to leave the file.
#[derive(Debug, Default)]
pub(super) struct PurgeQueue {
    /// Oldest first.
    records: VecDeque<(Arc<Topic>, u64)>,
    keys: Vec<Arc<str>>,
}

/// So many of the records, and all of the keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct PurgeBatch(usize);

impl PurgeQueue {
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
    pub(super) fn with_group(&self, appended: usize) -> PurgeBatch {
        PurgeBatch(self.records.len().min(PURGED_WITH_GROUP.max(2 * appended)))
    }

    /// What goes when there is nothing else to do; `None` when nothing is left.
    pub(super) fn while_idle(&self) -> Option<PurgeBatch> {
        let is_empty = self.records.is_empty() && self.keys.is_empty();
        (!is_empty).then(|| PurgeBatch(self.records.len().min(PURGED_WHILE_IDLE)))
    }

    /// Takes a batch out of the file. `rows` has the row of each topic.
    pub(super) fn write(
        &self,
        PurgeBatch(count): PurgeBatch,
        write: &Write<'_>,
        rows: &HashMap<Arc<Topic>, i64>,
    ) -> rusqlite::Result<()> {
        let batch = self.records.iter().take(count);
        let mut seqs: Vec<u64> = batch.clone().map(|(_, seq)| *seq).collect();
        seqs.sort_unstable();
        for run in seqs.chunk_by(|seq, next| seq + 1 == *next) {
            if let (Some(first), Some(last)) = (run.first(), run.last()) {
                write.delete_records(*first, *last)?;
            }
        }
        let newest: HashMap<_, _> = batch.map(|(topic, seq)| (topic, *seq)).collect();
        for (topic, seq) in newest {
            if let Some(row) = rows.get(topic) {
                write.set_removed(*row, seq)?;
            }
        }
        self.keys.iter().try_for_each(|key| write.delete_key(key))
    }

    /// Notes that the batch is out of the file for good.
    pub(super) fn written(&mut self, PurgeBatch(count): PurgeBatch) {
        self.records.drain(..count.min(self.records.len()));
        self.keys.clear();
    }
}
