//! The hub: publish on one side, subscriptions on the other, the log between them. Knows nothing of HTTP.

mod demand;
mod fanout;
mod feed;
mod selectors;
mod subscription;

use std::sync::Arc;

use sse_core::{Epoch, Event, RecordId, Topic};

use crate::log::{Draft, MemoryLog, Tail};
use demand::Demand;
pub(crate) use demand::Watched;
pub(crate) use fanout::Fanout;
pub(crate) use selectors::Selectors;
pub(crate) use subscription::{Delivery, Start, Subscription};

/// Shared by all workers and sources. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    log: MemoryLog,
    demand: Demand,
}

impl Hub {
    /// A hub on an empty log in memory.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner { log: MemoryLog::new(kept_records), demand: Demand::default() }))
    }

    /// Publishes an event; once this returns, it is in the log and on its way to every reader.
    pub(crate) fn publish(&self, topic: Topic, event: Event) -> RecordId {
        let seq = self.0.log.append(Draft { topic, event });
        RecordId { epoch: self.epoch(), seq }
    }

    /// The life of the sequence that this hub's ids belong to.
    pub(crate) fn epoch(&self) -> Epoch {
        self.0.log.epoch()
    }

    /// Tells a source whether anybody looks at its topic. Call it before the first subscription.
    pub(crate) fn watch_demand(&self, topic: Topic) -> Watched {
        self.0.demand.watch(topic)
    }

    fn log(&self) -> &MemoryLog {
        &self.0.log
    }

    fn demand(&self) -> &Demand {
        &self.0.demand
    }

    fn tail(&self) -> (Tail, u64) {
        self.0.log.tail()
    }
}

/// Records that a topic keeps. The dashboard's charts start with the metrics of the last 10 minutes at the
/// default interval of 2 s; the clock has 10 minutes of history too.
fn kept_records(topic: &Topic) -> usize {
    match topic.as_str() {
        "metrics" => 300,
        "clock" => 120,
        _ => 10_000,
    }
}
