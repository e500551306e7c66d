//! Fan-out: one worker's side of the hub. Owns the worker's feeds and the task that fills them from the log's tail. Never
//! leaves its thread, so that an event touches shared state once per worker and not once per subscriber.
//!
//! What the tail brings goes into the window, and its seq into the ring of every feed that wants it. Then delivery passes
//! bring it to the subscribers parked at the head of those feeds. A pass serves at most [`WRITES_PER_PASS`] subscribers,
//! each by one direct write to its idle connection, or by waking its task where that is not possible. After each pass
//! the worker's other tasks get their turn, and more is taken from the tail, to at most [`MATCHES_PER_PASS`]: enough to
//! keep up with the log, few enough to get back to the subscribers. Feeds with work left stand in a queue and take
//! turns, so that one with many subscribers does not hold up the others. While a pass is under way new records only go
//! into the ring; a subscriber that was served already gets them in the next pass, together. So under load deliveries
//! grow instead of queues: there is none per client, and a slow one is a cursor that lags.

mod deliveries;
mod ending;
pub(crate) mod feed;
mod feeds;
mod parked;
pub(crate) mod ring;
pub(crate) mod survey;
mod window;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::counters::Counters;
use crate::hub::Hub;
use crate::log::{ReadError, Record, RecordBatch, Tail, Tailed};
use crate::selectors::Selectors;
use crate::start::Start;
use crate::subscription::Subscription;
pub use ending::Ending;
use feed::Feed;
use feeds::Feeds;
use survey::Survey;
use window::Window;

/// Subscribers that are served before other tasks of the worker get their turn: half a millisecond's work, at 8 µs each.
const WRITES_PER_PASS: usize = 64;
/// Records that are taken in between two delivery passes, and feeds that want them: a millisecond's work at most. One record
/// goes to all its feeds at once. Many more than are delivered, because what follows a large batch waits for it to be taken in.
const MATCHES_PER_PASS: usize = 32_768;
/// Bytes of the newest records that a worker gives from without asking the log. All workers hold the same ones.
const WINDOW_BYTES: usize = 16 << 20;

/// The feeds of one worker. Cheap to clone; clones are the same fan-out.
#[derive(Debug, Clone)]
pub struct Fanout(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    hub: Hub,
    feeds: Rc<Feeds>,
    /// Feeds with a delivery pass under way.
    pending: RefCell<VecDeque<Rc<Feed>>>,
}

/// What is left of a batch of the tail.
#[derive(Debug, Default)]
struct Intake {
    batch: Option<RecordBatch>,
    next: usize,
}

impl Fanout {
    /// Starts this worker's fan-out. Runs on the calling thread's local tasks until `shutdown`; then every subscription
    /// ends.
    pub fn start(hub: Hub, shutdown: CancellationToken) -> Self {
        let (tail, head) = hub.tail();
        let feeds = Rc::new(Feeds::new(Window::new(head, WINDOW_BYTES), hub.budget().clone()));
        let fanout = Self(Rc::new(Inner { hub, feeds, pending: RefCell::default() }));
        // The worker's runtime owns the tasks: they end at shutdown, or with its thread.
        tokio::task::spawn_local(fanout.clone().answer_surveys(shutdown.clone()));
        tokio::task::spawn_local(fanout.clone().fill(tail, shutdown));
        fanout
    }

    /// Subscribes to these topics from `start` on. What is published from now on will be seen.
    ///
    /// # Errors
    /// When the start has to be looked up in the log and that cannot be read, or at the memory limit.
    pub async fn subscribe(&self, selectors: Selectors, start: Start) -> Result<Subscription, ReadError> {
        let position = self.0.hub.position(start, &selectors).await?;
        let feed = self.0.feeds.feed(selectors);
        let feed = feed.ok_or_else(|| ReadError("the memory limit is reached".into()))?;
        Ok(Subscription::new(self.0.hub.clone(), feed, position))
    }

    /// The subscriptions there are now, to be ended a few at a time before the fan-out is shut down.
    pub fn ending(&self) -> Ending {
        Ending::of(self.0.feeds.all())
    }

    /// The hub that this fan-out belongs to.
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// Says what this worker's subscribers are, to whoever asks.
    fn answer_surveys(self, shutdown: CancellationToken) -> impl Future<Output = ()> {
        let (sender, mut asked) = mpsc::channel(1);
        self.0.hub.add_worker(sender);
        async move {
            let answering = async {
                while let Some(reply) = asked.recv().await {
                    // Whoever asked may have gone.
                    let _ = reply.send(Survey::of(&self.0.feeds, &self.0.hub.policies()).await);
                }
            };
            shutdown.run_until_cancelled(answering).await;
        }
    }

    async fn fill(self, mut tail: Tail, shutdown: CancellationToken) {
        shutdown.run_until_cancelled(self.follow(&mut tail)).await;
        self.0.feeds.close();
    }

    /// Until the log is closed.
    async fn follow(&self, tail: &mut Tail) {
        let mut intake = Intake::default();
        while self.take(tail.next().await, &mut intake) {
            loop {
                let mut room = MATCHES_PER_PASS;
                while room > 0 {
                    if let Some(record) = intake.record() {
                        room = room.saturating_sub(1 + self.push(record));
                    } else if let Some(tailed) = tail.try_next() {
                        if !self.take(tailed, &mut intake) {
                            return;
                        }
                    } else {
                        break;
                    }
                }
                if !self.deliver_pending() && room > 0 {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    }

    /// `false` when there will be no more.
    fn take(&self, tailed: Tailed, intake: &mut Intake) -> bool {
        match tailed {
            Tailed::Records(batch) => {
                self.0.feeds.window.borrow_mut().begin(&batch);
                *intake = Intake { batch: Some(batch), next: 0 };
            }
            Tailed::Lagged => self.jump(),
            Tailed::Closed => return false,
        }
        true
    }

    /// Gives a record to the feeds that want it, and tells how many these are.
    fn push(&self, record: Arc<Record>) -> usize {
        let Inner { feeds, pending, .. } = &*self.0;
        feeds.window.borrow_mut().push(Arc::clone(&record));
        let wanting = feeds.wanting(&record.topic);
        let mut pending = pending.borrow_mut();
        pending.extend(wanting.iter().filter_map(Weak::upgrade).filter(|feed| feed.push(record.seq)));
        wanting.len()
    }

    fn jump(&self) {
        // The next batch follows some seq that is at most the log's head now; a batch that the feeds have jumped
        // over does no harm, because subscribers never go back.
        let head = self.0.hub.head();
        tracing::warn!(head, "worker lagged behind the log; its subscribers catch up from there");
        Counters::add(&self.0.hub.counters().tail_lags, 1);
        self.0.feeds.jump(head);
    }

    /// One delivery pass. `true` if there is more to do.
    fn deliver_pending(&self) -> bool {
        let mut pending = self.0.pending.borrow_mut();
        let (mut left, mut direct, mut first) = (WRITES_PER_PASS, 0, None);
        while left > 0
            && let Some(feed) = pending.pop_front()
        {
            let progress = feed.deliver(left);
            left -= progress.served;
            direct += progress.direct;
            first = first.or(progress.first);
            if progress.next.is_some() {
                pending.push_back(feed);
            }
        }
        if let Some(first) = first {
            self.0.feeds.window.borrow_mut().count_pass(first);
        }
        let counters = self.0.hub.counters();
        Counters::add(&counters.direct_deliveries, direct);
        Counters::add(&counters.wakes, WRITES_PER_PASS - left - direct);
        !pending.is_empty()
    }
}

impl Intake {
    fn record(&mut self) -> Option<Arc<Record>> {
        let record = self.batch.as_ref()?.get(self.next).map(Arc::clone);
        self.next += 1;
        if record.is_none() {
            self.batch = None;
        }
        record
    }
}

/// A record for tests.
#[cfg(test)]
pub(crate) fn record(seq: u64, topic: &str, data: &str) -> Arc<Record> {
    use sse_core::{Epoch, Event, RecordId, Topic};
    let id = RecordId { epoch: Epoch::from_bits(0), seq };
    Arc::new(Record::new(id, Topic::new(topic).unwrap(), 0, "", &Event::new(data)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policies;
    use sse_core::{Event, Topic};

    #[tokio::test]
    async fn a_feed_with_one_subscriber_does_not_wait_for_one_with_many() {
        let hub = Hub::in_memory(&Policies::default());
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let fanout = Fanout::start(hub.clone(), CancellationToken::new());
                let order = Rc::new(RefCell::new(Vec::new()));
                let mut subscribers = Vec::new();
                for topic in std::iter::repeat_n("many", 5 * WRITES_PER_PASS).chain(["one"]) {
                    let selectors = Selectors::exactly(Topic::new(topic).unwrap());
                    let mut subscription = fanout.subscribe(selectors, Start::Now).await.unwrap();
                    let order = Rc::clone(&order);
                    subscribers.push(tokio::task::spawn_local(async move {
                        subscription.next().await;
                        order.borrow_mut().push(topic);
                    }));
                }
                tokio::task::yield_now().await;
                for topic in ["many", "one"] {
                    hub.publish(Topic::new(topic).unwrap(), Event::new("x")).await.unwrap();
                }
                for subscriber in subscribers {
                    subscriber.await.unwrap();
                }
                let place = order.borrow().iter().position(|topic| *topic == "one").unwrap();
                assert!(place <= 2 * WRITES_PER_PASS, "after {place} of {}", 5 * WRITES_PER_PASS);
            })
            .await;
    }
}
