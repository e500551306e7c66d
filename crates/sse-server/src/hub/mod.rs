//! The hub: publish on one side, subscriptions on the other, the log between them. Knows nothing of HTTP.

mod demand;
mod fanout;
mod feed;
mod figures;
mod ring;
mod start;
mod subscription;
mod waiters;

use std::sync::Arc;

use sse_core::{Epoch, Event, RecordId, Topic};

use crate::log::{
    Append, AppendError, Appended, Draft, Log, Page, Pending, Read, ReadError, Seek, Tail, TopicSummary,
};
use crate::policy::Policies;
use crate::selectors::Selectors;
use demand::Demand;
pub(crate) use demand::Watched;
pub(crate) use fanout::Fanout;
pub(crate) use figures::OpenStream;
use figures::Streams;
pub(crate) use start::{Place, Start};
pub(crate) use subscription::{Delivery, Subscription};

/// Shared by all workers and sources. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    log: Arc<dyn Log>,
    policies: Policies,
    demand: Demand,
    streams: Streams,
}

impl Hub {
    /// A hub on this log, which was opened with the same policies.
    pub(crate) fn new(log: Arc<dyn Log>, policies: &Policies) -> Self {
        let (demand, streams) = (Demand::default(), Streams::default());
        Self(Arc::new(Inner { log, policies: policies.clone(), demand, streams }))
    }

    /// A hub without a disk, for tests.
    #[cfg(test)]
    pub(crate) fn in_memory(policies: &Policies) -> Self {
        Self::new(Arc::new(crate::log::MemoryLog::new(policies.clone())), policies)
    }

    /// Publishes one event. Resolves when it is as durable as its topic's policy says, and on its way to every
    /// reader. Dropping the future does not take it back.
    pub(crate) async fn publish(&self, topic: Topic, event: Event) -> Result<RecordId, AppendError> {
        let batch = Append { drafts: vec![Draft { topic, event }], key: None };
        self.append(batch).await.map(|appended| self.id(appended.first))
    }

    /// Publishes a batch, all or nothing; see [`Log::append`].
    pub(crate) fn append(&self, batch: Append) -> Pending<Result<Appended, AppendError>> {
        self.0.log.append(batch)
    }

    /// Reads what is kept; see [`Log::read`].
    pub(crate) fn read(&self, read: Read) -> Pending<Result<Page, ReadError>> {
        self.0.log.read(read)
    }

    /// Where a reader of these topics starts, as of now.
    pub(crate) fn place(&self, start: Start, selectors: &Selectors) -> Place {
        start.place(self, selectors)
    }

    /// Every topic that has or had events, by name.
    pub(crate) fn topics(&self) -> Vec<TopicSummary> {
        self.0.log.topics()
    }

    /// The id of the record with this seq.
    pub(crate) fn id(&self, seq: u64) -> RecordId {
        RecordId { epoch: self.epoch(), seq }
    }

    /// The life of the sequence that this hub's ids belong to.
    pub(crate) fn epoch(&self) -> Epoch {
        self.0.log.epoch()
    }

    /// Seq of the newest event that can be read, 0 before the first.
    pub(crate) fn head(&self) -> u64 {
        self.0.log.head()
    }

    /// Counts one more stream until the result is dropped.
    pub(crate) fn open_stream(&self) -> OpenStream {
        self.0.streams.open()
    }

    /// Streams that are open now.
    pub(crate) fn streams(&self) -> usize {
        self.0.streams.count()
    }

    /// Topics that have or had events.
    pub(crate) fn topic_count(&self) -> usize {
        self.0.log.topic_count()
    }

    /// Tells a source whether anybody looks at its topic. Call it before the first subscription.
    pub(crate) fn watch_demand(&self, topic: Topic) -> Watched {
        self.0.demand.watch(topic)
    }

    fn seek(&self, selectors: &Selectors, seek: Seek) -> u64 {
        self.0.log.seek(selectors, seek)
    }

    /// As [`Self::watch_demand`], for the topics below this one. Only a selector that names the prefix or one of the
    /// topics counts, `*` does not.
    pub(crate) fn watch_demand_below(&self, prefix: Topic) -> Watched {
        self.0.demand.watch_below(prefix)
    }

    /// Can one of the topics have a last value, so that a new subscription has to look for it?
    fn may_have_last_values(&self, selectors: &Selectors) -> bool {
        match selectors.exact() {
            Some(mut topics) => topics.any(|topic| self.0.policies.of(topic).last_value),
            None => self.0.policies.any_last_value(),
        }
    }

    fn demand(&self) -> &Demand {
        &self.0.demand
    }

    fn tail(&self) -> (Tail, u64) {
        self.0.log.tail()
    }
}
