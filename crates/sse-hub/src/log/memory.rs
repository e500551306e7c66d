//! A log in memory. It is gone with the process, and a new one has a new epoch.

use std::future::ready;

use futures_core::future::BoxFuture;
use parking_lot::Mutex;
use sse_core::Epoch;

use super::append::{AppendError, AppendReceipt, Batch};
use super::index::{Index, Plan};
use super::read::{Page, Read, ReadError, TopicSummary};
use super::tail::{Announcer, Tail};
use super::{Log, now_millis};
use crate::policy::Policies;
use crate::selectors::Selectors;
use crate::start::Seek;

/// Keeps every topic in memory, whatever its durability.
#[derive(Debug)]
pub struct MemoryLog {
    epoch: Epoch,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    index: Index,
    announcer: Announcer,
    /// When all topics were last looked at for what is too old, in milliseconds since 1970.
    expired: u64,
    closed: bool,
}

impl MemoryLog {
    /// An empty log with a new epoch.
    pub fn new(policies: Policies) -> Self {
        let state = State {
            index: Index::in_memory(policies),
            announcer: Announcer::default(),
            expired: 0,
            closed: false,
        };
        Self { epoch: Epoch::from_bits(fastrand::u64(..)), state: Mutex::new(state) }
    }

    fn append_now(&self, batch: Batch, now: u64) -> Result<AppendReceipt, AppendError> {
        batch.frame_bytes()?;
        let Batch { drafts, key, held: _held } = batch;
        let mut guard = self.state.lock();
        let State { index, announcer, expired, closed } = &mut *guard;
        if *closed {
            return Err(AppendError::Closed);
        }
        index.keys().expire(now);
        // Publishing looks at its own topics only, so the others are looked at once a second.
        if now >= *expired + 1000 {
            *expired = now;
            index.expire_all(now);
            let unused = index.to_forget();
            if !unused.is_empty() {
                index.forget(&unused);
            }
        }
        if let Some(known) = key.as_deref().and_then(|key| index.keys().get(key)) {
            return Ok(known);
        }
        let records = index.assign_seqs(&drafts, self.epoch, index.head(), now)?;
        let receipt = AppendReceipt { first: index.head() + 1, count: records.len() as u64, repeated: false };
        for record in &records {
            index.push(record);
        }
        if let Some(key) = key {
            index.keys().insert(key.into(), receipt, now);
        }
        for record in &records {
            index.expire(&record.topic, now);
        }
        announcer.announce(records.into());
        Ok(receipt)
    }
}

impl Log for MemoryLog {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn head(&self) -> u64 {
        self.state.lock().index.head()
    }

    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<AppendReceipt, AppendError>> {
        Box::pin(ready(self.append_now(batch, now_millis())))
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Page, ReadError>> {
        let Plan { entries, complete_to, lost, removals } = self.state.lock().index.plan(&read);
        let records = entries.into_iter().filter_map(|(_, entry)| entry.record).collect();
        Box::pin(ready(Ok(Page { records, complete_to, lost, removals })))
    }

    fn tail(&self) -> (Tail, u64) {
        let state = self.state.lock();
        (state.announcer.tail(), state.index.head())
    }

    fn seek(&self, selectors: Selectors, seek: Seek) -> BoxFuture<'static, Result<u64, ReadError>> {
        Box::pin(ready(Ok(self.state.lock().index.seek(&selectors, seek))))
    }

    fn topic_count(&self) -> BoxFuture<'static, Result<usize, ReadError>> {
        Box::pin(ready(Ok(self.state.lock().index.topic_count())))
    }

    fn topics(&self) -> BoxFuture<'static, Result<Vec<TopicSummary>, ReadError>> {
        // Sorted once nobody waits for the lock any more.
        let mut topics = self.state.lock().index.summaries();
        topics.sort_unstable_by(|a, b| a.topic.cmp(&b.topic));
        Box::pin(ready(Ok(topics)))
    }

    fn health(&self) -> BoxFuture<'static, Result<(), AppendError>> {
        Box::pin(ready(if self.state.lock().closed { Err(AppendError::Closed) } else { Ok(()) }))
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        self.state.lock().closed = true;
        Box::pin(ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::log::contract::contract!(|policies| ((), MemoryLog::new(policies)));
}
