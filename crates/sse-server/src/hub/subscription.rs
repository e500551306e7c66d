//! Live stream of one subscriber: a cursor over the log. Owns no queue; knows nothing of HTTP or of other
//! subscribers.

use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use sse_core::payload::{Gap, GapReason};
use sse_core::{RecordId, Topic};

use super::feed::{Feed, Next};
use super::{Hub, Selectors};
use crate::log::Record;

/// Records read from the log at a time while catching up.
const PAGE_RECORDS: usize = 64;

/// Where a subscription starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// With what is published from now on.
    Now,
    /// With the oldest record that is kept.
    Earliest,
    /// After this id, as the reader sent it.
    After(String),
}

/// What a subscription gives next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Whole frames, back to back.
    Frames(Bytes),
    /// Events the reader asked for are not there any more; it goes on after the id.
    Gap(Gap, RecordId),
    /// There will be no more.
    End,
}

/// One reader. Replay and live are one loop: read the log while behind the feed, then the feed.
#[derive(Debug)]
pub(crate) struct Subscription {
    hub: Hub,
    feed: Rc<Feed>,
    /// Every wanted record up to this seq has been given.
    cursor: u64,
    /// Place among the feed's waiters.
    waiter: Option<usize>,
    /// Records up to this seq may be gone without a gap: the reader knows, or never asked for them.
    forgiven: u64,
    /// What is known about the start but has to be told, or settled, at the first read of the log.
    opening: Option<Opening>,
}

#[derive(Debug)]
enum Opening {
    /// The reader asked for what is kept, so nothing that is gone already is missing.
    Earliest,
    /// The reader asked for an id that is not of this log.
    Unknown(String),
}

impl Subscription {
    /// The head is sampled here: what is appended later is past the cursor, so it will be given.
    pub(super) fn new(hub: Hub, feed: Rc<Feed>, start: Start) -> Self {
        let head = hub.log().head();
        let (cursor, opening) = match start {
            Start::Now => (head, None),
            Start::Earliest => (0, Some(Opening::Earliest)),
            Start::After(id) => match id.parse() {
                Ok(RecordId { epoch, seq }) if epoch == hub.epoch() && seq <= head => (seq, None),
                _ => (0, Some(Opening::Unknown(id))),
            },
        };
        hub.demand().add(feed.selectors());
        Self { hub, feed, cursor, waiter: None, forgiven: 0, opening }
    }

    /// The id to resume from: every wanted record up to it has been given.
    pub(crate) fn position(&self) -> RecordId {
        self.id(self.cursor)
    }

    /// The topics this subscription is for.
    pub(crate) fn selectors(&self) -> &Selectors {
        self.feed.selectors()
    }

    /// The next delivery, as soon as there is one.
    pub(crate) fn poll_next(&mut self, context: &Context<'_>) -> Poll<Delivery> {
        loop {
            if self.opening.is_some() {
                if let Some(delivery) = self.read_log() {
                    return Poll::Ready(delivery);
                }
                continue;
            }
            match self.feed.after(self.cursor) {
                Next::Frames(frames, cursor) => {
                    self.cursor = cursor;
                    return Poll::Ready(Delivery::Frames(frames));
                }
                Next::Behind => {
                    if let Some(delivery) = self.read_log() {
                        return Poll::Ready(delivery);
                    }
                }
                Next::Nothing(cursor) => {
                    self.cursor = cursor;
                    self.feed.wait(&mut self.waiter, context);
                    return Poll::Pending;
                }
                Next::Closed => return Poll::Ready(Delivery::End),
            }
        }
    }

    /// Moves the cursor over one page of the log.
    fn read_log(&mut self) -> Option<Delivery> {
        let wanted = |topic: &Topic| self.feed.selectors().match_topic(topic);
        let page = self.hub.log().read(wanted, self.cursor, PAGE_RECORDS);
        let lost = match self.opening.take() {
            Some(Opening::Earliest) => None,
            Some(Opening::Unknown(requested)) => Some((requested, GapReason::UnknownId)),
            None if page.removed > self.cursor.max(self.forgiven) => {
                Some((self.position().to_string(), GapReason::Expired))
            }
            None => None,
        };
        self.forgiven = self.forgiven.max(page.removed);
        if let Some((requested, reason)) = lost {
            let first = page.records.first().map_or(page.complete_to, |record| record.seq);
            self.cursor = self.cursor.max(first.saturating_sub(u64::from(!page.records.is_empty())));
            let gap = Gap { requested, first: self.id(first).to_string(), reason };
            return Some(Delivery::Gap(gap, self.position()));
        }
        self.cursor = page.complete_to;
        (!page.records.is_empty()).then(|| Delivery::Frames(joined(&page.records)))
    }

    fn id(&self, seq: u64) -> RecordId {
        RecordId { epoch: self.hub.epoch(), seq }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.feed.forget(self.waiter);
        self.hub.demand().remove(self.feed.selectors());
    }
}

fn joined(records: &[impl AsRef<Record>]) -> Bytes {
    match records {
        [one] => one.as_ref().frame.clone(),
        many => many.iter().flat_map(|record| record.as_ref().frame.iter().copied()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Fanout;
    use crate::shutdown::ShutdownSwitch;
    use sse_core::{Decoder, Event};
    use std::future::poll_fn;

    struct World {
        hub: Hub,
        fanout: Fanout,
        switch: ShutdownSwitch,
    }

    impl World {
        fn new() -> Self {
            let (switch, shutdown) = ShutdownSwitch::new();
            let hub = Hub::new();
            Self { fanout: Fanout::start(hub.clone(), shutdown), hub, switch }
        }

        fn publish(&self, topic: &str, data: impl ToString) -> RecordId {
            self.hub.publish(Topic::new(topic).unwrap(), Event::new(data.to_string()))
        }

        fn publish_numbers(&self, topic: &str, range: std::ops::Range<usize>) {
            for n in range {
                self.publish(topic, n);
            }
        }

        fn subscribe(&self, selector: &str, start: Start) -> Subscription {
            self.fanout.subscribe(Selectors::new(vec![selector.parse().unwrap()]).unwrap(), start)
        }
    }

    async fn next(subscription: &mut Subscription) -> Delivery {
        poll_fn(|context| subscription.poll_next(context)).await
    }

    /// The data of the next `count` events.
    async fn data(subscription: &mut Subscription, count: usize) -> Vec<String> {
        let mut decoder = Decoder::new();
        let mut data = Vec::new();
        while data.len() < count {
            match next(subscription).await {
                Delivery::Frames(frames) => {
                    data.extend(decoder.feed(&frames).map(|event| event.unwrap().into_data()));
                }
                other => panic!("{other:?} after {data:?}"),
            }
        }
        data
    }

    fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|n| n.to_string()).collect()
    }

    async fn local(test: impl Future<Output = ()>) {
        tokio::task::LocalSet::new().run_until(test).await;
    }

    #[tokio::test]
    async fn replay_goes_over_into_live_without_loss_or_repeat() {
        local(async {
            let world = World::new();
            world.publish_numbers("a", 0..200);
            let mut reader = world.subscribe("a", Start::Earliest);
            let mut seen = data(&mut reader, 100).await;
            world.publish_numbers("a", 200..300);
            seen.extend(data(&mut reader, 300 - seen.len()).await);
            assert_eq!(seen, numbers(0..300));
            world.publish("b", "unwanted");
            world.publish("a", 300);
            assert_eq!(data(&mut reader, 1).await, numbers(300..301));
        })
        .await;
    }

    #[tokio::test]
    async fn starts_now_or_after_an_id() {
        local(async {
            let world = World::new();
            let ids: Vec<RecordId> = (0..5).map(|n| world.publish("a", n)).collect();
            let mut live = world.subscribe("a", Start::Now);
            let mut resumed = world.subscribe("*", Start::After(ids[2].to_string()));
            world.publish("a", 5);
            assert_eq!(data(&mut live, 1).await, numbers(5..6));
            assert_eq!(data(&mut resumed, 3).await, numbers(3..6));
            assert_eq!(resumed.position().seq, 6);
        })
        .await;
    }

    #[tokio::test]
    async fn an_unknown_id_gives_a_gap_and_then_all_that_is_kept() {
        local(async {
            let world = World::new();
            let id = world.publish("a", 0);
            let other_epoch = "000000000000-1".to_owned();
            let future = RecordId { seq: 2, ..id }.to_string();
            for requested in [other_epoch, future, "nonsense".to_owned()] {
                let mut reader = world.subscribe("a", Start::After(requested.clone()));
                let gap = Gap { requested, first: id.to_string(), reason: GapReason::UnknownId };
                assert_eq!(next(&mut reader).await, Delivery::Gap(gap, RecordId { seq: 0, ..id }));
                assert_eq!(data(&mut reader, 1).await, numbers(0..1));
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_gap_is_told_when_wanted_records_are_gone_and_only_then() {
        local(async {
            let world = World::new();
            let first = world.publish("clock", 0);
            world.publish("a", "kept");
            world.publish_numbers("clock", 1..130);
            let mut unaffected = world.subscribe("a", Start::After(first.to_string()));
            assert_eq!(data(&mut unaffected, 1).await, ["kept"]);
            let mut reader = world.subscribe("clock", Start::After(first.to_string()));
            let Delivery::Gap(gap, position) = next(&mut reader).await else { panic!("no gap") };
            assert_eq!((gap.requested, gap.reason), (first.to_string(), GapReason::Expired));
            assert_eq!(gap.first, RecordId { seq: position.seq + 1, ..first }.to_string());
            assert_eq!(data(&mut reader, 120).await, numbers(10..130));
            let mut earliest = world.subscribe("clock", Start::Earliest);
            assert_eq!(data(&mut earliest, 120).await, numbers(10..130));
        })
        .await;
    }

    #[tokio::test]
    async fn a_gap_without_anything_kept_goes_on_at_the_head() {
        local(async {
            let world = World::new();
            let mut reader = world.subscribe("a", Start::After("old".into()));
            assert!(matches!(next(&mut reader).await, Delivery::Gap(_, position) if position.seq == 0));
            world.publish("a", 0);
            assert_eq!(data(&mut reader, 1).await, numbers(0..1));
        })
        .await;
    }

    #[tokio::test]
    async fn a_reader_that_lags_behind_the_ring_catches_up_from_the_log() {
        local(async {
            let world = World::new();
            let mut reader = world.subscribe("a", Start::Now);
            for n in 0..3000 {
                world.publish("a", n);
                if n % 500 == 0 {
                    tokio::task::yield_now().await;
                }
            }
            assert_eq!(data(&mut reader, 3000).await, numbers(0..3000));
        })
        .await;
    }

    #[tokio::test]
    async fn shutdown_ends_waiting_and_new_subscriptions() {
        local(async {
            let world = World::new();
            let mut reader = world.subscribe("a", Start::Now);
            let waiting = tokio::task::spawn_local(async move { next(&mut reader).await });
            tokio::task::yield_now().await;
            world.switch.pull();
            assert_eq!(waiting.await.unwrap(), Delivery::End);
            assert_eq!(next(&mut world.subscribe("a", Start::Now)).await, Delivery::End);
        })
        .await;
    }

    #[tokio::test]
    async fn demand_follows_subscriptions() {
        local(async {
            let world = World::new();
            let watched = world.hub.watch_demand(Topic::new("metrics").unwrap());
            assert!(!watched.is_wanted());
            let all = world.subscribe("*", Start::Now);
            let other = world.subscribe("a", Start::Now);
            assert!(watched.is_wanted());
            drop(all);
            assert!(!watched.is_wanted());
            drop(other);
        })
        .await;
    }
}
