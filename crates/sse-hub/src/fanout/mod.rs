//! Fan-out: one worker's side of the hub. Owns the worker's feeds and the task that fills them from the log's tail. Never
//! leaves its thread, so that an event touches shared state once per worker and not once per subscriber.
//!
//! What the tail brings goes into the ring of every feed whose selectors match, encoded already. Then delivery passes
//! bring it to the subscribers parked at the head of those feeds. A pass serves at most [`WRITES_PER_YIELD`] subscribers,
//! each by one direct write to its idle connection, or by waking its task where that is not possible. After each pass
//! the worker's other tasks get their turn, and up to [`BATCHES_PER_PASS`] more batches are taken from the tail: enough to
//! keep up with the log, few enough to get back to the subscribers. Feeds with work left stand in a queue and take
//! turns, so that one with many subscribers does not hold up the others. While a pass is under way new records only go
//! into the ring; a subscriber that was served already gets them in the next pass, together. So under load deliveries
//! grow instead of queues: there is none per client, and a slow one is a cursor that lags.

pub(crate) mod feed;
mod parked;
pub(crate) mod ring;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};

use tokio_util::sync::CancellationToken;

use crate::counters::Counters;
use crate::hub::Hub;
use crate::log::{ReadError, RecordBatch, Tail, Tailed};
use crate::selectors::Selectors;
use crate::start::Start;
use crate::subscription::Subscription;
use feed::Feed;

/// Subscribers that are served before other tasks of the worker get their turn: half a millisecond's work, at 8 µs each.
const WRITES_PER_YIELD: usize = 64;
/// Batches that are taken in between two delivery passes.
const BATCHES_PER_PASS: usize = 64;

/// The feeds of one worker. Cheap to clone; clones are the same fan-out.
#[derive(Debug, Clone)]
pub struct Fanout(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    hub: Hub,
    /// Seq up to which the feeds have been filled.
    head: Cell<u64>,
    closed: Cell<bool>,
    /// A feed lives as long as a subscription holds it.
    feeds: RefCell<HashMap<Selectors, Weak<Feed>>>,
    /// Feeds with a delivery pass under way.
    pending: RefCell<VecDeque<Rc<Feed>>>,
}

impl Fanout {
    /// Starts this worker's fan-out. Runs on the calling thread's local tasks until `shutdown`; then every subscription
    /// ends.
    pub fn start(hub: Hub, shutdown: CancellationToken) -> Self {
        let (tail, head) = hub.tail();
        let fanout = Self(Rc::new(Inner {
            hub,
            head: Cell::new(head),
            closed: Cell::new(false),
            feeds: RefCell::default(),
            pending: RefCell::default(),
        }));
        // The worker's runtime owns the task: it ends at shutdown, or with its thread.
        tokio::task::spawn_local(fanout.clone().fill(tail, shutdown));
        fanout
    }

    /// Subscribes to these topics from `start` on. What is published from now on will be seen.
    ///
    /// # Errors
    /// When the start has to be looked up in the log and that cannot be read.
    pub async fn subscribe(&self, selectors: Selectors, start: Start) -> Result<Subscription, ReadError> {
        let position = self.0.hub.position(start, &selectors).await?;
        Ok(Subscription::new(self.0.hub.clone(), self.feed(selectors), position))
    }

    /// The hub that this fan-out belongs to.
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    fn feed(&self, selectors: Selectors) -> Rc<Feed> {
        let mut feeds = self.0.feeds.borrow_mut();
        if let Some(feed) = feeds.get(&selectors).and_then(Weak::upgrade) {
            return feed;
        }
        feeds.retain(|_, feed| feed.strong_count() > 0);
        let feed = Rc::new(Feed::new(selectors.clone(), self.0.head.get()));
        if self.0.closed.get() {
            feed.close();
        }
        feeds.insert(selectors, Rc::downgrade(&feed));
        feed
    }

    async fn fill(self, mut tail: Tail, shutdown: CancellationToken) {
        shutdown.run_until_cancelled(self.follow(&mut tail)).await;
        self.0.closed.set(true);
        self.each_feed(|feed| feed.close());
    }

    /// Until the log is closed.
    async fn follow(&self, tail: &mut Tail) {
        while self.take(tail.next().await) {
            while self.deliver_pending() {
                tokio::task::yield_now().await;
                for tailed in std::iter::from_fn(|| tail.try_next()).take(BATCHES_PER_PASS) {
                    if !self.take(tailed) {
                        return;
                    }
                }
            }
        }
    }

    /// `false` when there will be no more.
    fn take(&self, tailed: Tailed) -> bool {
        match tailed {
            Tailed::Records(batch) => self.push(&batch),
            Tailed::Lagged => self.jump(),
            Tailed::Closed => return false,
        }
        true
    }

    fn push(&self, batch: &RecordBatch) {
        let Some(last) = batch.last() else { return };
        self.0.head.set(last.seq);
        self.each_feed(|feed| {
            if feed.push(batch) {
                self.0.pending.borrow_mut().push_back(Rc::clone(feed));
            }
        });
    }

    fn jump(&self) {
        // The next batch follows some seq that is at most the log's head now; a batch that the feeds have jumped
        // over does no harm, because subscribers never go back.
        let head = self.0.hub.head();
        tracing::warn!(head, "worker lagged behind the log; its subscribers catch up from there");
        Counters::add(&self.0.hub.counters().tail_lags, 1);
        self.0.head.set(head);
        self.each_feed(|feed| feed.jump(head));
    }

    /// One delivery pass. `true` if there is more to do.
    fn deliver_pending(&self) -> bool {
        let mut pending = self.0.pending.borrow_mut();
        let (mut left, mut direct) = (WRITES_PER_YIELD, 0);
        while left > 0
            && let Some(feed) = pending.pop_front()
        {
            let progress = feed.deliver(left);
            left -= progress.served;
            direct += progress.direct;
            if progress.next.is_some() {
                pending.push_back(feed);
            }
        }
        let counters = self.0.hub.counters();
        Counters::add(&counters.direct_deliveries, direct);
        Counters::add(&counters.wakes, WRITES_PER_YIELD - left - direct);
        !pending.is_empty()
    }

    fn each_feed(&self, act: impl Fn(&Rc<Feed>)) {
        self.0.feeds.borrow().values().filter_map(Weak::upgrade).for_each(|feed| act(&feed));
    }
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
                for topic in std::iter::repeat_n("many", 5 * WRITES_PER_YIELD).chain(["one"]) {
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
                assert!(place <= 2 * WRITES_PER_YIELD, "after {place} of {}", 5 * WRITES_PER_YIELD);
            })
            .await;
    }
}
