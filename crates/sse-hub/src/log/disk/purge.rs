//! Purging: deletes records from the file after retention has removed them from the index. Decides nothing itself.
//!
//! Retention works in two steps. The index forgets a record the moment a limit of its topic's policy is exceeded: when a
//! newer one is appended, or on the tick that looks for age. From then on no read returns it. Deleting its row costs a
//! write and an fsync, so the seq goes into the [`PurgeQueue`] instead. Each group that is committed for publishers
//! takes a [`PurgeBatch`] along, at least twice as many rows as it appends, so that the file cannot grow under load
//! while no publisher pays for a transaction of its own. When no publisher waits, small transactions clear the rest. Seqs
//! that follow each other go with one statement. In the same transaction the topic's row learns the newest seq removed,
//! so that after a crash a subscriber behind it is still told of the gap; a row that outlived the crash is purged again.
//!
//! Pieces of which little is kept become one in the same transactions.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::shared::Shared;
use super::store::{TopicRow, Write};
use crate::log::index::{Expired, Index};
use crate::log::topics::TopicId;

/// Records removed with a group at the least, so that removing keeps up with appending.
const PURGED_WITH_GROUP: usize = 256;
/// Records removed in one transaction when there is nothing else to do. Takes about a millisecond.
const PURGED_WHILE_IDLE: usize = 512;

/// Records and keys that have to leave the file.
#[derive(Debug, Default)]
pub(super) struct PurgeQueue {
    /// In the order in which they go.
    leaving: VecDeque<Leaving>,
    keys: Vec<Arc<str>>,
}

#[derive(Debug, Clone, Copy)]
enum Leaving {
    Record(TopicId, u64),
    /// The number of a topic that is gone, behind its records: up to this seq it had any.
    Number(TopicId, u64),
}

/// What leaves the file in one transaction.
#[derive(Debug)]
pub(super) struct PurgeBatch {
    /// So many of what leaves, and all of the keys.
    count: usize,
    /// Rows of topics of which records go, or the last ones did.
    topics: Vec<TopicRow>,
    /// Pieces that become one: their first and last seq.
    merge: Option<(u64, u64)>,
}

/// How many records the piece has that others became.
pub(super) type Merged = Option<u32>;

impl PurgeQueue {
    pub(super) fn add_records(&mut self, expired: Vec<Expired>) {
        for Expired { topic, seqs } in expired {
            self.leaving.extend(seqs.into_iter().map(|seq| Leaving::Record(topic, seq)));
        }
    }

    /// A topic is gone: its records leave, and then its number is free.
    pub(super) fn add_topic(&mut self, id: TopicId, records: impl IntoIterator<Item = u64>, seq: u64) {
        self.leaving.extend(records.into_iter().map(|seq| Leaving::Record(id, seq)));
        self.leaving.push_back(Leaving::Number(id, seq));
    }

    pub(super) fn add_keys(&mut self, keys: Vec<Arc<str>>) {
        self.keys.extend(keys);
    }

    /// What goes with a group of so many records.
    pub(super) fn with_group(&self, appended: usize, index: &mut Index) -> PurgeBatch {
        self.batch(PURGED_WITH_GROUP.max(2 * appended), index)
    }

    /// What goes when there is nothing else to do; `None` when nothing is left.
    pub(super) fn while_idle(&self, index: &mut Index) -> Option<PurgeBatch> {
        let batch = self.batch(PURGED_WHILE_IDLE, index);
        (batch.count > 0 || !self.keys.is_empty() || batch.merge.is_some()).then_some(batch)
    }

    fn batch(&self, most: usize, index: &mut Index) -> PurgeBatch {
        let count = self.leaving.len().min(most);
        let (mut newest, mut topics) = (HashMap::new(), Vec::new());
        for leaving in self.leaving.iter().take(count) {
            match *leaving {
                Leaving::Record(id, seq) => drop(newest.insert(id, seq)),
                Leaving::Number(id, since) => topics.push(TopicRow { id, since, ..TopicRow::default() }),
            }
        }
        topics
            .extend(newest.into_iter().filter_map(|(id, seq)| Some(TopicRow::of(id, index.topic(id)?, seq))));
        // What is not purged yet has to stay in its piece: until the row of its topic says so, that it was removed is known by it.
        let merge = if count == self.leaving.len() { index.pieces().next_merge() } else { None };
        PurgeBatch { count, topics, merge }
    }

    /// Takes a batch out of the file.
    pub(super) fn write(
        &self,
        batch: &PurgeBatch,
        write: &Write<'_>,
        shared: &Shared,
    ) -> rusqlite::Result<Merged> {
        let seq = |leaving: &Leaving| match leaving {
            Leaving::Record(_, seq) => Some(*seq),
            Leaving::Number(..) => None,
        };
        let mut seqs: Vec<u64> = self.leaving.iter().take(batch.count).filter_map(seq).collect();
        seqs.sort_unstable();
        for run in seqs.chunk_by(|seq, next| seq + 1 == *next) {
            if let (Some(first), Some(last)) = (run.first(), run.last()) {
                write.delete_records(*first, *last)?;
            }
        }
        batch.topics.iter().try_for_each(|row| write.put_topic(row))?;
        self.keys.iter().try_for_each(|key| write.delete_key(key))?;
        let merge =
            |(first, last)| write.merge_pieces(first, last, |placed| shared.state().index.has(placed));
        batch.merge.map(merge).transpose()
    }

    /// Notes that the batch is out of the file for good.
    pub(super) fn written(&mut self, batch: &PurgeBatch, merged: Merged, index: &mut Index) {
        for leaving in self.leaving.drain(..batch.count.min(self.leaving.len())) {
            if let Leaving::Number(id, _) = leaving {
                index.release(id);
            }
        }
        self.keys.clear();
        if let (Some((first, last)), Some(kept)) = (batch.merge, merged) {
            index.pieces().merged(first, last, kept);
        }
    }
}
