//! A log in memory. It is gone with the process, and a new one has a new epoch.

use std::collections::BTreeSet;
use std::future::ready;
use std::sync::Arc;
use std::time::Instant;

use futures_core::future::BoxFuture;
use parking_lot::Mutex;
use sse_core::Topic;

use super::Log;
use super::append::{AppendError, AppendReceipt, Batch, Deleted};
use super::epochs::Epochs;
use super::figures::LogFigures;
use super::index::{Index, Planned};
use super::log_time::Reading;
use super::own_events;
use super::read::{Page, Read, ReadError, TopicList, TopicSummary};
use super::record::RecordBatch;
use super::tail::{Announcer, Tail};
use super::topic_index::Totals;
use super::topics::TopicId;
use crate::interest::Interest;
use crate::policy::Policies;
use crate::selectors::Selectors;
use crate::start::Seek;

/// Keeps every topic in memory, whatever its durability.
#[derive(Debug)]
pub struct MemoryLog {
    epochs: Epochs,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    index: Index,
    announcer: Announcer,
    /// When all topics were last looked at for what is too old, in milliseconds of the monotonic clock.
    expired: i64,
    closed: bool,
}

impl MemoryLog {
    /// An empty log with a new epoch.
    pub fn new(policies: Policies) -> Self {
        let mut index = Index::in_memory(policies);
        index.log_time().start(None, 1, Reading::now());
        let state = State { index, announcer: Announcer::default(), expired: 0, closed: false };
        Self { epochs: Epochs::new(), state: Mutex::new(state) }
    }

    fn append_at(&self, batch: Batch, reading: Reading) -> Result<AppendReceipt, AppendError> {
        let published = Instant::now();
        batch.frame_bytes()?;
        let Batch { drafts, key, held: _held } = batch;
        let mut guard = self.state.lock();
        let State { index, announcer, expired, closed } = &mut *guard;
        if *closed {
            return Err(AppendError::Closed);
        }
        index.look_at_time(reading);
        index.expire_keys(reading);
        // Publishing looks at its own topics only, so the others are looked at once a second.
        if reading.monotonic >= *expired + 1000 {
            *expired = reading.monotonic;
            let (_, idle) = index.expire_due(reading);
            let unused = index.to_forget();
            let gone = index.forget(&unused);
            idle.iter().chain(&gone).for_each(|deletion| index.release(deletion.id));
        }
        if let Some(known) = key.as_deref().and_then(|key| index.keys().get(key)) {
            return Ok(known);
        }
        if let Some(known) = index.known_end(&drafts) {
            return Ok(known);
        }
        let (epoch, head) = (self.epochs.current(), index.head());
        let records = index.assign_seqs(&drafts, epoch, head, reading, &mut Totals::default())?;
        let receipt = AppendReceipt { first: index.head() + 1, count: records.len() as u64, repeated: false };
        for record in &records {
            index.push(record, reading);
        }
        if let Some(key) = key {
            index.insert_key(key.into(), receipt, reading);
        }
        let topics: BTreeSet<TopicId> = records.iter().map(|record| record.topic_id).collect();
        index.expire(topics, reading);
        announcer.announce(RecordBatch::new(records, published));
        Ok(receipt)
    }
}

impl Log for MemoryLog {
    fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    fn head(&self) -> u64 {
        self.state.lock().index.head()
    }

    /// There is no life after a crash in which it would matter.
    fn durable_head(&self) -> u64 {
        self.head()
    }

    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<AppendReceipt, AppendError>> {
        Box::pin(ready(self.append_at(batch, Reading::now())))
    }

    fn delete(&self, topic: Topic) -> BoxFuture<'static, Result<Option<Deleted>, AppendError>> {
        let State { index, announcer, .. } = &mut *self.state.lock();
        let deleted = index.topic_id(&topic).and_then(|id| index.delete(id));
        let deleted = deleted.map(|(deletion, count)| {
            index.release(deletion.id);
            let record =
                own_events::deletion(&self.epochs, deletion.name, deletion.seq, Reading::now().stamp());
            announcer.announce([Arc::new(record)].into());
            Deleted { seq: deletion.seq, count }
        });
        Box::pin(ready(Ok(deleted)))
    }

    fn closes(&self) -> u64 {
        self.state.lock().index.closes()
    }

    fn end(&self, selectors: &Selectors) -> Option<u64> {
        self.state.lock().index.end(selectors)
    }

    fn set_interest(&self, interest: Interest) {
        self.state.lock().index.set_interest(interest);
    }

    fn set_policies(&self, policies: Policies) -> BoxFuture<'static, Option<usize>> {
        let index = &mut self.state.lock().index;
        let kept = index.set_policies(policies);
        let topics: Vec<TopicId> = index.topics().map(|(id, _)| id).collect();
        index.expire(topics, Reading::now());
        Box::pin(ready(Some(kept)))
    }

    fn touch(&self, selectors: &Selectors) {
        self.state.lock().index.touch(selectors, Reading::now());
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Page, ReadError>> {
        let planned = self.state.lock().index.plan(&read);
        Box::pin(ready(match planned {
            Planned::Plan(plan) => Ok(plan.in_memory()),
            Planned::NeedsPieces { .. } => Err(ReadError("there is no file".into())),
        }))
    }

    fn tail(&self) -> (Tail, u64) {
        let state = self.state.lock();
        (state.announcer.tail(), state.index.head())
    }

    fn seek(&self, selectors: Selectors, seek: Seek) -> BoxFuture<'static, Result<u64, ReadError>> {
        let found = self.state.lock().index.seek(&selectors, seek);
        Box::pin(ready(found.ok_or_else(|| ReadError("there is no file".into()))))
    }

    fn topic_count(&self) -> BoxFuture<'static, Result<usize, ReadError>> {
        Box::pin(ready(Ok(self.state.lock().index.topic_count())))
    }

    fn topics(&self, list: TopicList) -> BoxFuture<'static, Result<Vec<TopicSummary>, ReadError>> {
        Box::pin(ready(Ok(self.state.lock().index.summaries(&list))))
    }

    fn figures(&self) -> LogFigures {
        self.state.lock().index.figures()
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
    use sse_core::{Event, Topic};

    use super::*;
    use crate::log::{Draft, LimitedBytes, ReadMode};
    use crate::policy::LogLimits;

    crate::log::contract::contract!(|policies| ((), MemoryLog::new(policies)));

    #[tokio::test]
    async fn topics_are_bounded_each_and_together() {
        let limits = LogLimits { memory_topic: 10_000, memory_topics: 25_000, ..LogLimits::default() };
        let log = MemoryLog::new(Policies::default().with_limits(limits));
        let append = async |topic: &str, bytes| {
            let draft = Draft::new(Topic::new(topic).unwrap(), Event::new("x".repeat(bytes)));
            log.append(Batch::new(vec![draft], None)).await
        };
        for topic in ["a", "b", "c"] {
            for _ in 0..20 {
                assert!(append(topic, 1000).await.is_ok());
            }
        }
        let topics = log.topics(TopicList { limit: 1000, ..TopicList::default() }).await.unwrap();
        let bytes: Vec<u64> = topics.iter().map(|topic| topic.bytes).collect();
        assert!(bytes.iter().all(|bytes| *bytes <= 10_000), "{bytes:?}");
        assert!((20_000..=25_000).contains(&bytes.iter().sum::<u64>()), "{bytes:?}");
        let max = limits.memory_topics;
        let refused = AppendError::OverLimit { what: LimitedBytes::MemoryTopics, max };
        assert_eq!(append("d", 7000).await, Err(refused));
        assert_eq!(log.topic_count().await, Ok(3), "what is refused leaves no topic behind");
    }

    #[tokio::test]
    async fn a_reader_of_many_topics_gets_all_of_many_records_turn_by_turn() {
        const RECORDS: u64 = 30_000;
        let log = MemoryLog::new(Policies::default());
        let draft = |seq: u64| {
            let topic = format!("t{}/{}", seq / 20_000, seq % 7);
            Draft::new(Topic::new(topic).unwrap(), Event::new(""))
        };
        log.append(Batch::new((1..=RECORDS).map(draft).collect(), None)).await.unwrap();
        for (selector, first) in [("*", 1), ("t1/*", 20_000), ("none/*", RECORDS + 1)] {
            let selectors = Selectors::new(vec![selector.parse().unwrap()]).unwrap();
            let (mut seqs, mut after, mut turns) = (Vec::new(), 0, 0);
            while after < RECORDS {
                let (mode, max_records, max_bytes) = (ReadMode::All, 100_000, u64::MAX);
                let selectors = selectors.clone();
                let read = Read { selectors, after, acknowledged_removals: 0, mode, max_records, max_bytes };
                let page = log.read(read).await.unwrap();
                assert!(page.complete_to > after, "stuck after {after}");
                seqs.extend(page.records.iter().map(|record| record.seq));
                (after, turns) = (page.complete_to, turns + 1);
            }
            assert!(seqs.into_iter().eq(first..=RECORDS), "{selector}");
            assert_eq!(turns, 4, "{selector}");
        }
    }
}
