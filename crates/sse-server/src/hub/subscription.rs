//! Live stream of one subscriber: a cursor over the log. Owns no queue; knows nothing of HTTP or of other
//! subscribers.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sse_core::payload::{Gap, GapReason};
use sse_core::{RecordId, encode};

use super::feed::{Feed, Next};
use super::{Hub, Selectors};
use crate::log::{Depth, Page, Pending, Read, ReadError, Record};

/// Most records and bytes read from the log at a time while catching up. A record that passes the bytes is the
/// last of its page.
const PAGE_RECORDS: usize = 256;
const PAGE_BYTES: u64 = 32 << 10;

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
pub(crate) struct Subscription {
    hub: Hub,
    feed: Rc<Feed>,
    /// Every wanted record up to this seq has been given, or the reader was told that it is lost.
    cursor: u64,
    /// Place among the feed's waiters.
    waiter: Option<usize>,
    /// Removals that are no loss to this reader: it was told, or never asked for what is gone.
    known: u64,
    /// How the reader came to the place where it is.
    phase: Phase,
    /// A read of the log under way.
    reading: Option<Pending<Result<Page, ReadError>>>,
    /// What was read, while the gap before it is being told.
    held: Option<Page>,
}

/// What the next read of the log is for.
#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// The first reads of a reader that starts now: the last values of its topics, from after this seq on.
    LastValues(u64),
    /// The first read of a reader that asked for what is kept, so nothing that is gone already is missing.
    Earliest,
    /// The first read of a reader that asked for an id that is not of this log.
    Unknown(String),
    /// Catching up for the first time.
    Replay,
    /// The feed was reached.
    Live,
    /// The feed was reached once, and then lost.
    Lagging,
}

impl Subscription {
    /// The head is sampled here: what is appended later is past the cursor, so it will be given.
    pub(super) fn new(hub: Hub, feed: Rc<Feed>, start: Start) -> Self {
        let head = hub.head();
        let (cursor, phase) = match start {
            Start::Now if hub.has_last_values() => (head, Phase::LastValues(0)),
            Start::Now => (head, Phase::Live),
            Start::Earliest => (0, Phase::Earliest),
            Start::After(id) => match id.parse() {
                Ok(RecordId { epoch, seq }) if epoch == hub.epoch() && seq <= head => (seq, Phase::Replay),
                _ => (0, Phase::Unknown(id)),
            },
        };
        hub.demand().add(feed.selectors());
        Self { hub, feed, cursor, waiter: None, known: 0, phase, reading: None, held: None }
    }

    /// The id to resume from: every wanted record up to it has been given.
    pub(crate) fn position(&self) -> RecordId {
        self.hub.id(self.cursor)
    }

    /// The topics this subscription is for.
    pub(crate) fn selectors(&self) -> &Selectors {
        self.feed.selectors()
    }

    /// The next delivery, as soon as there is one.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Delivery> {
        loop {
            if let Some(page) = self.held.take()
                && let Some(delivery) = self.give(&page)
            {
                return Poll::Ready(delivery);
            }
            if let Some(reading) = &mut self.reading {
                let page = ready!(reading.as_mut().poll(context));
                self.reading = None;
                if let Some(delivery) = self.take(page) {
                    return Poll::Ready(delivery);
                }
                continue;
            }
            if matches!(self.phase, Phase::LastValues(_) | Phase::Earliest | Phase::Unknown(_)) {
                self.read();
                continue;
            }
            match self.feed.after(self.cursor) {
                Next::Frames(frames, cursor) => {
                    self.move_to(cursor);
                    return Poll::Ready(Delivery::Frames(frames));
                }
                Next::Nothing(cursor) => {
                    self.move_to(cursor);
                    self.feed.wait(&mut self.waiter, context);
                    return Poll::Pending;
                }
                Next::Behind => {
                    if self.phase == Phase::Live {
                        self.phase = Phase::Lagging;
                    }
                    self.read();
                }
                Next::Closed => return Poll::Ready(Delivery::End),
            }
        }
    }

    /// The feed has brought the reader here.
    fn move_to(&mut self, cursor: u64) {
        self.cursor = cursor;
        self.phase = Phase::Live;
    }

    /// Starts to read a page of the log.
    fn read(&mut self) {
        let (after, depth) = match self.phase {
            Phase::LastValues(after) => (after, Depth::LastValues),
            Phase::Lagging => (self.cursor, Depth::Conflated),
            _ => (self.cursor, Depth::All),
        };
        let selectors = self.feed.selectors().clone();
        let known = self.known;
        let read = Read { selectors, after, known, depth, max_records: PAGE_RECORDS, max_bytes: PAGE_BYTES };
        self.reading = Some(self.hub.read(read));
    }

    /// Looks at a page that was read: what it gives, and what has to be told first.
    fn take(&mut self, page: Result<Page, ReadError>) -> Option<Delivery> {
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, cursor = self.cursor, "stream ended");
                return Some(Delivery::End);
            }
        };
        let (lost, removed) = (page.lost, page.lost.removed > 0);
        let asked = match &mut self.phase {
            Phase::LastValues(_) => return self.last_values(&page),
            Phase::Unknown(id) => Some((std::mem::take(id), GapReason::UnknownId)),
            Phase::Lagging if removed && lost.cuts => return Some(Delivery::End),
            Phase::Lagging if removed || lost.conflated => {
                Some((self.position().to_string(), GapReason::Slow))
            }
            Phase::Replay if removed => Some((self.position().to_string(), GapReason::Expired)),
            _ => None,
        };
        self.known = page.removals;
        if self.phase != Phase::Lagging {
            self.phase = Phase::Replay;
        }
        match asked {
            Some((requested, reason)) => Some(self.gap(page, requested, reason)),
            None => self.give(&page),
        }
    }

    /// Tells of a gap before `page`, and holds the page until that is done.
    fn gap(&mut self, page: Page, requested: String, reason: GapReason) -> Delivery {
        let first = page.records.first().map(|record| record.seq);
        self.cursor = self.cursor.max(first.map_or(page.complete_to, |seq| seq.saturating_sub(1)));
        let first = self.hub.id(first.unwrap_or(page.complete_to)).to_string();
        self.held = Some(page);
        Delivery::Gap(Gap { requested, first, reason }, self.position())
    }

    /// Moves the cursor over the page.
    fn give(&mut self, page: &Page) -> Option<Delivery> {
        self.cursor = self.cursor.max(page.complete_to);
        (!page.records.is_empty()).then(|| Delivery::Frames(joined(&page.records).into()))
    }

    /// The last values, and then the place where the reader stands, which is after all of them.
    fn last_values(&mut self, page: &Page) -> Option<Delivery> {
        let more = page.complete_to < self.cursor;
        self.phase = if more { Phase::LastValues(page.complete_to) } else { Phase::Live };
        let before = page.records.iter().filter(|record| record.seq <= self.cursor);
        let mut frames = joined(before);
        if frames.is_empty() {
            return None;
        }
        encode::id_only(&mut frames, &self.position().to_event_id());
        Some(Delivery::Frames(frames.into()))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.feed.forget(self.waiter);
        self.hub.demand().remove(self.feed.selectors());
    }
}

fn joined<'a>(records: impl IntoIterator<Item = &'a Arc<Record>>) -> Vec<u8> {
    let mut frames = Vec::new();
    records.into_iter().for_each(|record| frames.extend_from_slice(&record.frame));
    frames
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Fanout;
    use crate::log::MemoryLog;
    use crate::policy::{Policies, Policy, Retain, SlowReader};
    use crate::shutdown::ShutdownSwitch;
    use sse_core::{Decoder, Event, Topic};
    use std::future::poll_fn;

    struct World {
        hub: Hub,
        fanout: Fanout,
        switch: ShutdownSwitch,
    }

    impl World {
        fn new() -> Self {
            let (switch, shutdown) = ShutdownSwitch::new();
            let retain = Retain { count: Some(120), age: None, bytes: None };
            let policy = |slow_reader| Policy { retain, slow_reader, ..Policy::default() };
            let policies = Policies::new(vec![
                ("cut".parse().unwrap(), policy(SlowReader::Cut)),
                ("skip".parse().unwrap(), policy(SlowReader::Skip)),
                ("latest/*".parse().unwrap(), Policy { last_value: true, ..policy(SlowReader::Latest) }),
            ]);
            let hub = Hub::new(Arc::new(MemoryLog::new(policies.clone())), &policies);
            Self { fanout: Fanout::start(hub.clone(), shutdown), hub, switch }
        }

        async fn publish(&self, topic: &str, data: impl ToString) -> RecordId {
            self.hub.publish(Topic::new(topic).unwrap(), Event::new(data.to_string())).await.unwrap()
        }

        async fn publish_numbers(&self, topic: &str, range: std::ops::Range<usize>) {
            for n in range {
                self.publish(topic, n).await;
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
            world.publish_numbers("a", 0..200).await;
            let mut reader = world.subscribe("a", Start::Earliest);
            let mut seen = data(&mut reader, 100).await;
            world.publish_numbers("a", 200..300).await;
            seen.extend(data(&mut reader, 300 - seen.len()).await);
            assert_eq!(seen, numbers(0..300));
            world.publish("b", "unwanted").await;
            world.publish("a", 300).await;
            assert_eq!(data(&mut reader, 1).await, numbers(300..301));
        })
        .await;
    }

    #[tokio::test]
    async fn starts_now_or_after_an_id() {
        local(async {
            let world = World::new();
            let mut ids = Vec::new();
            for n in 0..5 {
                ids.push(world.publish("a", n).await);
            }
            let mut live = world.subscribe("a", Start::Now);
            let mut resumed = world.subscribe("*", Start::After(ids[2].to_string()));
            world.publish("a", 5).await;
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
            let id = world.publish("a", 0).await;
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
            let first = world.publish("skip", 0).await;
            world.publish("a", "kept").await;
            world.publish_numbers("skip", 1..130).await;
            let mut unaffected = world.subscribe("a", Start::After(first.to_string()));
            assert_eq!(data(&mut unaffected, 1).await, ["kept"]);
            let mut reader = world.subscribe("skip", Start::After(first.to_string()));
            let Delivery::Gap(gap, position) = next(&mut reader).await else { panic!("no gap") };
            assert_eq!((gap.requested, gap.reason), (first.to_string(), GapReason::Expired));
            assert_eq!(gap.first, RecordId { seq: position.seq + 1, ..first }.to_string());
            assert_eq!(data(&mut reader, 120).await, numbers(10..130));
            let mut earliest = world.subscribe("skip", Start::Earliest);
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
            world.publish("a", 0).await;
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
                world.publish("a", n).await;
                if n % 500 == 0 {
                    tokio::task::yield_now().await;
                }
            }
            assert_eq!(data(&mut reader, 3000).await, numbers(0..3000));
        })
        .await;
    }

    #[tokio::test]
    async fn a_slow_reader_is_treated_as_its_topics_say() {
        local(async {
            let world = World::new();
            let topics = ["cut", "skip", "latest/x"];
            let mut readers = topics.map(|topic| world.subscribe(topic, Start::Now));
            for (topic, reader) in topics.into_iter().zip(&mut readers) {
                world.publish(topic, 0).await;
                assert_eq!(data(reader, 1).await, ["0"]);
            }
            // More than the ring of a feed holds, and more than the topics keep.
            for n in 1..3000 {
                for topic in topics {
                    world.publish(topic, n).await;
                }
                tokio::task::yield_now().await;
            }
            let [cut, skip, latest] = &mut readers;
            assert_eq!(next(cut).await, Delivery::End);
            assert!(matches!(next(skip).await, Delivery::Gap(gap, _) if gap.reason == GapReason::Slow));
            assert_eq!(data(skip, 120).await, numbers(2880..3000));
            assert!(matches!(next(latest).await, Delivery::Gap(gap, _) if gap.reason == GapReason::Slow));
            assert_eq!(data(latest, 1).await, ["2999"]);
            for (topic, reader) in topics.into_iter().zip(&mut readers).skip(1) {
                world.publish(topic, 3000).await;
                assert_eq!(data(reader, 1).await, ["3000"], "{topic} is live again");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_loss_during_replay_is_told_though_another_topic_lost_more_before() {
        local(async {
            let world = World::new();
            world.publish_numbers("skip", 0..120).await;
            world.publish_numbers("cut", 0..130).await;
            // The first page does not go further than its bytes.
            let big = "x".repeat(300);
            for n in 120..240 {
                world.publish("skip", format!("{n} {big}")).await;
            }
            // The feed has to start after all of these, so that they are read from the log.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            let mut reader = world.subscribe("*", Start::Earliest);
            assert!(matches!(next(&mut reader).await, Delivery::Frames(_)));
            world.publish_numbers("skip", 240..400).await;
            let told = next(&mut reader).await;
            assert!(matches!(&told, Delivery::Gap(gap, _) if gap.reason == GapReason::Expired));
        })
        .await;
    }

    #[tokio::test]
    async fn every_last_value_comes_however_many_and_large() {
        local(async {
            let world = World::new();
            for n in 0..5 {
                world.publish(&format!("latest/{n}"), "x".repeat(20_000)).await;
            }
            let mut reader = world.subscribe("latest/*", Start::Now);
            assert_eq!(data(&mut reader, 5).await.len(), 5);
        })
        .await;
    }

    #[tokio::test]
    async fn a_last_value_comes_first_and_does_not_move_the_position_back() {
        local(async {
            let world = World::new();
            world.publish("latest/x", "old").await;
            world.publish("latest/x", "new").await;
            let head = world.publish("a", "not a last value").await;
            let mut reader = world.subscribe("*", Start::Now);
            let Delivery::Frames(frames) = next(&mut reader).await else { panic!("no last value") };
            let mut decoder = Decoder::new();
            let events: Vec<Event> = decoder.feed(&frames).map(Result::unwrap).collect();
            assert_eq!(events.iter().map(Event::data).collect::<Vec<_>>(), ["new"]);
            assert_eq!(decoder.last_event_id(), head.to_string());
            world.publish("latest/x", "newer").await;
            assert_eq!(data(&mut reader, 1).await, ["newer"]);
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
