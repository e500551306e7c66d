//! What goes into one transaction: batches, with who waits for each.

use std::collections::HashMap;
use std::sync::Arc;

use sse_core::Topic;
use tokio::sync::oneshot;

use super::store::{Inserts, Write};
use crate::log::append::{AppendError, AppendReceipt, Batch};
use crate::log::record::Record;

/// A batch and who waits for it.
pub(super) struct Request {
    pub(super) batch: Batch,
    pub(super) frame_bytes: usize,
    pub(super) reply: oneshot::Sender<Result<AppendReceipt, AppendError>>,
}

/// A batch with its place in the log.
pub(super) struct SequencedBatch {
    pub(super) request: Request,
    pub(super) records: Vec<Arc<Record>>,
    /// Something of it has to be on disk before it is answered.
    pub(super) on_disk: bool,
}

impl Request {
    /// Records, and bytes of their frames.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.batch.drafts.len(), self.frame_bytes)
    }

    pub(super) fn answer(self, answer: Result<AppendReceipt, AppendError>) {
        // Whoever asked may have gone.
        let _ = self.reply.send(answer);
    }
}

/// Inserts the records that are not in memory, with their topics and the key.
pub(super) fn insert(
    write: &Write<'_>,
    inserts: &mut Inserts<'_>,
    batch: &SequencedBatch,
    key_time: u64,
    rows: &HashMap<Arc<Topic>, i64>,
    new_rows: &mut HashMap<Arc<Topic>, i64>,
) -> rusqlite::Result<()> {
    for record in &batch.records {
        let row = match rows.get(&record.topic).or_else(|| new_rows.get(&record.topic)) {
            Some(row) => *row,
            None => {
                let row = write.insert_topic(record.topic.as_str(), record.in_memory)?;
                new_rows.insert(Arc::clone(&record.topic), row);
                row
            }
        };
        if !record.in_memory {
            inserts.insert(row, record)?;
        }
    }
    // A key must not outlive its events.
    let kept = batch.records.iter().any(|record| !record.in_memory);
    if let (true, Some(key), Some(first)) = (kept, &batch.request.batch.key, batch.records.first()) {
        let count = batch.records.len() as u64;
        write.insert_key(key, AppendReceipt { first: first.seq, count, repeated: false }, key_time)?;
    }
    Ok(())
}
