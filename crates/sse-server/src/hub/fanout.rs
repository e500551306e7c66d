//! One worker's side of the hub: its feeds, and the task that fills them from the log's tail. Never leaves its
//! thread, so that an event touches shared state once per worker and not once per stream.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};

use super::feed::Feed;
use super::{Hub, Start, Subscription};
use crate::log::{Batch, Tail, Tailed};
use crate::selectors::Selectors;
use crate::shutdown::Shutdown;

/// Readers that are given what is new before other tasks of the worker get their turn. Half a millisecond's work, at
/// 8 µs for each.
const STRETCH: usize = 64;
/// Batches that are taken in between two stretches: enough to keep up with the log, few enough to get to the readers.
const BATCHES: usize = 64;

/// The feeds of one worker. Cheap to clone; clones are the same fan-out.
#[derive(Debug, Clone)]
pub(crate) struct Fanout(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    hub: Hub,
    /// Seq up to which the feeds have been filled.
    head: Cell<u64>,
    closed: Cell<bool>,
    /// A feed lives as long as a subscription holds it.
    feeds: RefCell<HashMap<Selectors, Weak<Feed>>>,
    /// Feeds whose readers have not all been given what is new.
    rounds: RefCell<VecDeque<Rc<Feed>>>,
}

impl Fanout {
    /// Starts this worker's fan-out. Runs on the calling thread until shutdown.
    pub(crate) fn start(hub: Hub, shutdown: Shutdown) -> Self {
        let (tail, head) = hub.tail();
        let fanout = Self(Rc::new(Inner {
            hub,
            head: Cell::new(head),
            closed: Cell::new(false),
            feeds: RefCell::default(),
            rounds: RefCell::default(),
        }));
        // The worker's runtime owns the task: it ends at shutdown, or with its thread.
        tokio::task::spawn_local(fanout.clone().fill(tail, shutdown));
        fanout
    }

    /// Subscribes to these topics from `start` on. What is published from now on will be seen.
    pub(crate) fn subscribe(&self, selectors: Selectors, start: Start) -> Subscription {
        Subscription::new(self.0.hub.clone(), self.feed(selectors), start)
    }

    /// The hub that this fan-out belongs to.
    pub(crate) fn hub(&self) -> &Hub {
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

    async fn fill(self, mut tail: Tail, mut shutdown: Shutdown) {
        tokio::select! {
            () = self.follow(&mut tail) => {}
            () = shutdown.requested() => {}
        }
        self.0.closed.set(true);
        self.each_feed(|feed| feed.close());
    }

    /// Until the log is closed.
    async fn follow(&self, tail: &mut Tail) {
        while self.take(tail.next().await) {
            while self.go_round() {
                tokio::task::yield_now().await;
                for tailed in std::iter::from_fn(|| tail.try_next()).take(BATCHES) {
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
            Tailed::Batch(batch) => self.push(&batch),
            Tailed::Missed => self.jump(),
            Tailed::Closed => return false,
        }
        true
    }

    fn push(&self, batch: &Batch) {
        let Some(last) = batch.last() else { return };
        self.0.head.set(last.seq);
        self.each_feed(|feed| {
            if feed.push(batch) {
                self.0.rounds.borrow_mut().push_back(Rc::clone(feed));
            }
        });
    }

    fn jump(&self) {
        // The next batch follows some seq that is at most the log's head now; a batch that the feeds have jumped
        // over does no harm, because readers never go back.
        let head = self.0.hub.head();
        tracing::warn!(head, "worker fell behind the log, its streams catch up from there");
        self.0.head.set(head);
        self.each_feed(|feed| feed.jump(head));
    }

    /// Brings news to the next readers. Feeds take turns, so that one with many readers does not hold up the others.
    /// `true` if there are more.
    fn go_round(&self) -> bool {
        let mut rounds = self.0.rounds.borrow_mut();
        let mut left = STRETCH;
        while left > 0
            && let Some(feed) = rounds.pop_front()
        {
            let turn = feed.go_round(left);
            left -= turn.served;
            if !turn.over {
                rounds.push_back(feed);
            }
        }
        !rounds.is_empty()
    }

    fn each_feed(&self, act: impl Fn(&Rc<Feed>)) {
        self.0.feeds.borrow().values().filter_map(Weak::upgrade).for_each(|feed| act(&feed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policies;
    use crate::shutdown::ShutdownSwitch;
    use sse_core::{Event, Topic};
    use std::future::poll_fn;

    impl Fanout {
        /// Readers that were sent frames past their tasks.
        pub(crate) fn sent_to(&self) -> usize {
            let sent = Cell::new(0);
            self.each_feed(|feed| sent.set(sent.get() + feed.sent_to()));
            sent.get()
        }
    }

    #[tokio::test]
    async fn a_feed_with_one_reader_does_not_wait_for_one_with_many() {
        let (_switch, shutdown) = ShutdownSwitch::new();
        let hub = Hub::in_memory(&Policies::default());
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let fanout = Fanout::start(hub.clone(), shutdown);
                let order = Rc::new(RefCell::new(Vec::new()));
                let topics = std::iter::repeat_n("many", 5 * STRETCH).chain(["one"]);
                let readers: Vec<_> = topics
                    .map(|topic| {
                        let selectors = Selectors::exactly(Topic::new(topic).unwrap());
                        let mut reader = fanout.subscribe(selectors, Start::Now);
                        let order = Rc::clone(&order);
                        tokio::task::spawn_local(async move {
                            poll_fn(|context| reader.poll_next(context)).await;
                            order.borrow_mut().push(topic);
                        })
                    })
                    .collect();
                tokio::task::yield_now().await;
                for topic in ["many", "one"] {
                    hub.publish(Topic::new(topic).unwrap(), Event::new("x")).await.unwrap();
                }
                for reader in readers {
                    reader.await.unwrap();
                }
                let place = order.borrow().iter().position(|topic| *topic == "one").unwrap();
                assert!(place <= 2 * STRETCH, "after {place} of {}", 5 * STRETCH);
            })
            .await;
    }
}
