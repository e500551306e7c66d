//! What goes into one transaction: batches, with who waits for each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use sse_core::Topic;
use tokio::sync::oneshot;

use super::store::{Inserts, RowState, TopicRow, Write};
use crate::log::append::{AppendError, AppendReceipt, Batch, Deleted};
use crate::log::entries::Entry;
use crate::log::index::Index;
use crate::log::newest::Placed;
use crate::log::record::Record;
use crate::log::topics::TopicId;
use crate::policy::Policies;

/// What the writing thread is asked for.
pub(super) enum Request {
    Append(Append),
    Change(Change),
}

/// What is not appended, and waits for all that was to be appended before.
pub(super) enum Change {
    Delete { topic: Topic, reply: oneshot::Sender<Result<Option<Deleted>, AppendError>> },
    Policies { policies: Policies, reply: oneshot::Sender<usize> },
}

/// A batch and who waits for it.
pub(super) struct Append {
    pub(super) batch: Batch,
    pub(super) frame_bytes: usize,
    /// When it came.
    pub(super) published: Instant,
    pub(super) reply: oneshot::Sender<Result<AppendReceipt, AppendError>>,
}

/// A batch with its place in the log.
pub(super) struct SequencedBatch {
    pub(super) request: Append,
    pub(super) records: Vec<Arc<Record>>,
    /// Something of it has to be on disk before it is answered.
    pub(super) on_disk: bool,
}

impl Append {
    /// Records, and bytes of their frames.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.batch.drafts.len(), self.frame_bytes)
    }

    pub(super) fn answer(self, answer: Result<AppendReceipt, AppendError>) {
        // Whoever asked may have gone.
        let _ = self.reply.send(answer);
    }
}

/// Inserts the records that are not in memory, and the key.
pub(super) fn insert(
    write: &Write<'_>,
    inserts: &mut Inserts<'_>,
    batch: &SequencedBatch,
    key_time: u64,
) -> rusqlite::Result<()> {
    for record in batch.records.iter().filter(|record| !record.in_memory) {
        inserts.insert(record)?;
    }
    // A key must not outlive its events.
    let kept = batch.records.iter().any(|record| !record.in_memory);
    if let (true, Some(key), Some(first)) = (kept, &batch.request.batch.key, batch.records.first()) {
        let count = batch.records.len() as u64;
        write.insert_key(key, AppendReceipt { first: first.seq, count, repeated: false }, key_time)?;
    }
    Ok(())
}

/// Where the records of a group are that are on disk.
pub(super) fn placed(group: &[SequencedBatch]) -> Vec<Placed> {
    let records = group.iter().flat_map(|batch| &batch.records).filter(|record| !record.in_memory);
    records.map(|record| Placed { topic: record.topic_id, entry: Entry::of(record) }).collect()
}

/// Rows of the topics in a group that have none yet, or that it closes.
pub(super) fn changed_topics(group: &[SequencedBatch], index: &Index) -> Vec<TopicRow> {
    let records = group.iter().flat_map(|batch| &batch.records);
    let is_new = |record: &Record| index.topic(record.topic_id).is_some_and(|topic| !topic.is_stored);
    // Closed or not: what closes a topic is the last of it.
    let changed: BTreeMap<TopicId, bool> = records
        .filter(|record| record.closes || is_new(record))
        .map(|record| (record.topic_id, record.closes))
        .collect();
    let row = |(id, is_closed)| {
        let topic = index.topic(id)?;
        let row = TopicRow::of(id, topic, topic.removed);
        Some(TopicRow { state: if is_closed { RowState::Closed } else { row.state }, ..row })
    };
    changed.into_iter().filter_map(row).collect()
}
