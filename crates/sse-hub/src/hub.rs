//! The hub: publish on one side, subscriptions on the other, the log between them. Knows no HTTP.

use std::sync::Arc;

use futures_core::future::BoxFuture;
use parking_lot::{Mutex, RwLock};
use sse_core::payload::GapReason;
use sse_core::{Event, RecordId, Topic};

use crate::budget::Budget;
use crate::counters::Counters;
use crate::fanout::survey::SurveySender;
use crate::interest::{Interest, InterestWatch};
use crate::log::{
    AppendError, AppendReceipt, Batch, Deleted, Draft, Log, Page, Place, Read, ReadError, Tail, TopicList,
    TopicSummary,
};
use crate::policy::Policies;
use crate::selectors::Selectors;
use crate::start::{Position, Seek, Start};

/// Shared by all threads. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    log: Arc<dyn Log>,
    policies: RwLock<Policies>,
    interest: Interest,
    counters: Arc<Counters>,
    budget: Budget,
    /// The workers' fan-outs.
    workers: Mutex<Vec<SurveySender>>,
}

/// What a change of policies leaves as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unchanged {
    /// So many topics are on disk and should be in memory, or the other way round.
    pub durability: usize,
    /// No topic goes when it is idle, since none did when the hub was made.
    pub idle: bool,
}

impl Hub {
    /// A hub on this log, which was opened with the same policies, with a budget of [`Budget::DEFAULT`].
    pub fn new(log: Arc<dyn Log>, policies: Policies) -> Self {
        Self::with_budget(log, policies, Budget::DEFAULT)
    }

    /// A hub with a budget of so many bytes.
    pub fn with_budget(log: Arc<dyn Log>, policies: Policies, bytes: usize) -> Self {
        let counters = Arc::<Counters>::default();
        let budget = Budget::new(bytes, Arc::clone(&counters));
        let interest = if policies.any_idle() { Interest::by_name() } else { Interest::default() };
        log.set_interest(interest.clone());
        let policies = RwLock::new(policies);
        Self(Arc::new(Inner { log, policies, interest, counters, budget, workers: Mutex::default() }))
    }

    /// A hub without a disk: every topic is kept in memory, whatever its policy says.
    pub fn in_memory(policies: &Policies) -> Self {
        Self::new(Arc::new(crate::log::MemoryLog::new(policies.clone())), policies.clone())
    }

    /// Treats topics by these policies from now on, except for what only a new start changes: that is given.
    pub async fn set_policies(&self, mut policies: Policies) -> Unchanged {
        let idle = policies.any_idle() && !self.0.interest.knows_names();
        if idle {
            // Who has a topic open is not known.
            policies = policies.without_idle();
        }
        let policies = policies.numbered_after(&self.0.policies.read());
        // First, because a subscription asks for last values only where there may be some.
        *self.0.policies.write() = policies.clone();
        let durability = self.0.log.set_policies(policies).await.unwrap_or_default();
        Unchanged { durability, idle }
    }

    /// Publishes one event. Resolves when it is as durable as its topic's policy says, and on its way to every
    /// subscriber. Dropping the future does not take it back.
    ///
    /// # Errors
    /// When nothing was stored, or with [`AppendError::Unknown`] perhaps.
    pub async fn publish(&self, topic: Topic, event: Event) -> Result<RecordId, AppendError> {
        let batch = Batch::new(vec![Draft::new(topic, event)], None);
        self.append(batch).await.map(|receipt| self.id(receipt.first))
    }

    /// Publishes a batch, all or nothing; see [`Log::append`].
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn append(&self, batch: Batch) -> Result<AppendReceipt, AppendError> {
        let counters = &self.0.counters;
        let appended = match self.hold(batch) {
            Ok(batch) => self.0.log.append(batch).await,
            Err(error) => Err(error),
        };
        match &appended {
            Ok(AppendReceipt { repeated: true, .. }) => {}
            Ok(receipt) => {
                Counters::add(&counters.events_appended, usize::try_from(receipt.count).unwrap_or(0))
            }
            Err(error) => count_refusal(counters, error),
        }
        appended
    }

    /// Deletes a topic with all that is kept of it; see [`Log::delete`].
    ///
    /// # Errors
    /// When it was not deleted, or with [`AppendError::Unknown`] perhaps.
    pub async fn delete(&self, topic: Topic) -> Result<Option<Deleted>, AppendError> {
        self.0.log.delete(topic).await
    }

    /// How often a topic was closed; see [`Log::closes`].
    pub(crate) fn closes(&self) -> u64 {
        self.0.log.closes()
    }

    /// The last seq of these topics, if every one is named and closed.
    pub(crate) fn end(&self, selectors: &Selectors) -> Option<u64> {
        if self.closes() == 0 { None } else { self.0.log.end(selectors) }
    }

    /// Has somebody who starts like this got all of these topics, and are they all closed, so that nothing will come?
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn is_over(&self, start: &Start, selectors: &Selectors) -> Result<bool, ReadError> {
        let (Some(end), Start::After(_)) = (self.end(selectors), start) else { return Ok(false) };
        let position = self.position(start.clone(), selectors).await?;
        Ok(matches!(position, Position::After(seq) if seq >= end))
    }

    /// A subscription to these topics begins.
    pub(crate) fn subscribed(&self, selectors: &Selectors) {
        self.0.interest.add(selectors);
        if self.0.interest.knows_names() {
            self.0.log.touch(selectors);
        }
    }

    /// A subscription to these topics ends.
    pub(crate) fn unsubscribed(&self, selectors: &Selectors) {
        self.0.interest.remove(selectors);
        if self.0.interest.knows_names() {
            self.0.log.touch(selectors);
        }
    }

    /// The batch with its share of the budget, which it keeps when whoever appends it has gone.
    fn hold(&self, mut batch: Batch) -> Result<Batch, AppendError> {
        let bytes = batch.held_bytes(batch.frame_bytes()?);
        batch.held = Some(self.0.budget.try_hold(bytes).ok_or(AppendError::OverBudget)?);
        Ok(batch)
    }

    /// The id of the record with this seq.
    pub fn id(&self, seq: u64) -> RecordId {
        self.0.log.epochs().record_id(seq)
    }

    /// The id for a reader of these topics who has everything up to this seq. Without topics in memory among them it names a
    /// place that is known after a crash too.
    pub(crate) fn place(&self, seq: u64, selectors: &Selectors) -> RecordId {
        let durable = self.0.log.durable_head();
        let survives = seq <= durable || self.0.policies.read().may_be_in_memory(selectors);
        self.0.log.epochs().id(if survives { seq } else { durable })
    }

    /// Seq of the newest event that can be read, 0 before the first.
    pub fn head(&self) -> u64 {
        self.0.log.head()
    }

    /// What the hub has done so far.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.0.counters
    }

    /// A worker begins, and can be asked like this.
    pub(crate) fn add_worker(&self, worker: SurveySender) {
        self.0.workers.lock().push(worker);
    }

    pub(crate) fn workers(&self) -> Vec<SurveySender> {
        self.0.workers.lock().clone()
    }

    pub(crate) fn policies(&self) -> Policies {
        self.0.policies.read().clone()
    }

    pub(crate) fn log(&self) -> &dyn Log {
        &*self.0.log
    }

    /// The bytes that the process may hold.
    pub fn budget(&self) -> &Budget {
        &self.0.budget
    }

    /// Topics that have or had events, by name.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn topics(&self, list: TopicList) -> Result<Vec<TopicSummary>, ReadError> {
        self.0.log.topics(list).await
    }

    /// Number of topics that have or had events.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn topic_count(&self) -> Result<usize, ReadError> {
        self.0.log.topic_count().await
    }

    /// Tells a source whether somebody has subscribed to `prefix/*`, or by name to a topic or prefix below it. `*` and the
    /// prefix itself do not count.
    /// Call it before the first subscription.
    pub fn watch_interest(&self, prefix: Topic) -> InterestWatch {
        self.0.interest.watch_below(prefix)
    }

    /// Whether events would be stored now; see [`Log::health`].
    ///
    /// # Errors
    /// Why they would be refused.
    pub async fn health(&self) -> Result<(), AppendError> {
        self.0.log.health().await
    }

    /// Stores what waits and closes the log; see [`Log::close`].
    pub async fn close(&self) {
        self.0.log.close().await;
    }

    pub(crate) fn read(&self, read: Read) -> BoxFuture<'static, Result<Page, ReadError>> {
        self.0.log.read(read)
    }

    /// The place in the log where a reader of these topics starts. What is appended later is after it.
    pub(crate) async fn position(&self, start: Start, selectors: &Selectors) -> Result<Position, ReadError> {
        let head = self.head();
        Ok(match start {
            // Nothing comes any more.
            Start::Now if self.end(selectors).is_some() => Position::Kept(0),
            Start::Now => Position::Head(head),
            Start::Kept(Seek::Earliest) => Position::Kept(0),
            Start::Kept(seek) => Position::Kept(self.0.log.seek(selectors.clone(), seek).await?),
            Start::After(id) => {
                let place = id.parse().ok().and_then(|id| self.0.log.epochs().find(id, head));
                match place {
                    Some(Place::At(seq)) => Position::After(seq),
                    Some(Place::PastEnd(after)) => {
                        Position::Unknown { requested: id, after, reason: GapReason::Lost }
                    }
                    None => Position::Unknown { requested: id, after: 0, reason: GapReason::UnknownId },
                }
            }
        })
    }

    /// Can one of the topics have a last value, so that a new subscription has to look for it?
    pub(crate) fn may_have_last_values(&self, selectors: &Selectors) -> bool {
        let policies = self.0.policies.read();
        match selectors.exact() {
            Some(mut topics) => topics.any(|topic| policies.of(topic).last_value),
            None => policies.any_last_value(),
        }
    }

    pub(crate) fn tail(&self) -> (Tail, u64) {
        self.0.log.tail()
    }
}

/// Counts a batch that was refused, by its reason.
fn count_refusal(counters: &Counters, error: &AppendError) {
    Counters::add(&counters.appends_refused, 1);
    let reason = match error {
        AppendError::TooManyTopics { .. } | AppendError::TooManyTopicsBelow { .. } => {
            &counters.refused_topics
        }
        AppendError::OverLimit { .. } => &counters.refused_bytes,
        AppendError::Full => &counters.refused_full,
        AppendError::EventTooLarge { .. } | AppendError::BatchTooLarge { .. } => &counters.refused_size,
        AppendError::TopicClosed { .. } => &counters.refused_closed,
        // The first is in `budget_refusals`; the others are no limits.
        AppendError::OverBudget
        | AppendError::Unavailable(_)
        | AppendError::Unknown(_)
        | AppendError::Closed => return,
    };
    Counters::add(reason, 1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::MemoryLog;

    #[tokio::test]
    async fn what_passes_the_budget_is_refused_and_what_is_stored_gives_it_back() {
        let log = Arc::new(MemoryLog::new(Policies::default()));
        let hub = Hub::with_budget(log, Policies::default(), 140_000);
        let topic = || Topic::new("a").unwrap();
        assert!(hub.publish(topic(), Event::new("x".repeat(30_000))).await.is_ok());
        // The data, and the frame that is made of it.
        let refused = hub.publish(topic(), Event::new("x".repeat(40_000))).await;
        assert_eq!(refused, Err(AppendError::OverBudget));
        assert_eq!((hub.head(), hub.budget().used()), (1, 0));
        assert_eq!(Counters::get(&hub.counters().budget_refusals), 1);
    }
}
