//! What one reader gets: from the log, from the feed, and when something is lost.

use super::*;
use crate::fanout::Fanout;
use crate::policy::{Policies, Policy, Retention, SlowConsumer};
use crate::start::{Seek, Start};
use sse_core::{Decoder, Event, Topic};
use tokio_util::sync::CancellationToken;

const EARLIEST: Start = Start::Kept(Seek::Earliest);

struct World {
    hub: Hub,
    fanout: Fanout,
    shutdown: CancellationToken,
}

impl World {
    fn new() -> Self {
        let shutdown = CancellationToken::new();
        let retention = Retention { count: Some(120), age: None, bytes: None };
        let policy = |slow_consumer| Policy { retention, slow_consumer, ..Policy::default() };
        let policies = Policies::new(vec![
            ("cut".parse().unwrap(), policy(SlowConsumer::Disconnect)),
            ("skip".parse().unwrap(), policy(SlowConsumer::DropOldest)),
            ("latest/*".parse().unwrap(), Policy { last_value: true, ..policy(SlowConsumer::Conflate) }),
        ]);
        let hub = Hub::in_memory(&policies);
        Self { fanout: Fanout::start(hub.clone(), shutdown.clone()), hub, shutdown }
    }

    async fn publish(&self, topic: &str, data: impl ToString) -> RecordId {
        self.hub.publish(Topic::new(topic).unwrap(), Event::new(data.to_string())).await.unwrap()
    }

    async fn publish_numbers(&self, topic: &str, range: std::ops::Range<usize>) {
        for n in range {
            self.publish(topic, n).await;
        }
    }

    async fn subscribe(&self, selector: &str, start: Start) -> Subscription {
        let selectors = Selectors::new(vec![selector.parse().unwrap()]).unwrap();
        self.fanout.subscribe(selectors, start).await.unwrap()
    }
}

/// The data of the next `count` events.
async fn data(subscription: &mut Subscription, count: usize) -> Vec<String> {
    let mut decoder = Decoder::new();
    let mut data = Vec::new();
    while data.len() < count {
        match subscription.next().await {
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
        let mut reader = world.subscribe("a", EARLIEST).await;
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
        let mut live = world.subscribe("a", Start::Now).await;
        let mut resumed = world.subscribe("*", Start::After(ids[2].to_string())).await;
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
        for requested in [other_epoch, "nonsense".to_owned()] {
            let mut reader = world.subscribe("a", Start::After(requested.clone())).await;
            let gap = Gap { requested, first: id.to_string(), reason: GapReason::UnknownId };
            assert_eq!(reader.next().await, Delivery::Gap(gap, RecordId { seq: 0, ..id }));
            assert_eq!(data(&mut reader, 1).await, numbers(0..1));
        }
        let mut reader = world.subscribe("a", Start::After(future.clone())).await;
        let gap = Gap { requested: future, first: id.to_string(), reason: GapReason::Lost };
        assert_eq!(reader.next().await, Delivery::Gap(gap, id), "past the end, it goes on there");
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
        let mut unaffected = world.subscribe("a", Start::After(first.to_string())).await;
        assert_eq!(data(&mut unaffected, 1).await, ["kept"]);
        let mut reader = world.subscribe("skip", Start::After(first.to_string())).await;
        let Delivery::Gap(gap, position) = reader.next().await else { panic!("no gap") };
        assert_eq!((gap.requested, gap.reason), (first.to_string(), GapReason::Expired));
        assert_eq!(gap.first, RecordId { seq: position.seq + 1, ..first }.to_string());
        assert_eq!(data(&mut reader, 120).await, numbers(10..130));
        let mut earliest = world.subscribe("skip", EARLIEST).await;
        assert_eq!(data(&mut earliest, 120).await, numbers(10..130));
    })
    .await;
}

#[tokio::test]
async fn a_gap_without_anything_kept_goes_on_at_the_head() {
    local(async {
        let world = World::new();
        let mut reader = world.subscribe("a", Start::After("old".into())).await;
        assert!(matches!(reader.next().await, Delivery::Gap(_, position) if position.seq == 0));
        world.publish("a", 0).await;
        assert_eq!(data(&mut reader, 1).await, numbers(0..1));
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_lags_behind_the_ring_catches_up_from_the_log() {
    local(async {
        let world = World::new();
        let mut reader = world.subscribe("a", Start::Now).await;
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
        let mut readers = Vec::new();
        for topic in topics {
            readers.push(world.subscribe(topic, Start::Now).await);
        }
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
        let [cut, skip, latest] = &mut readers[..] else { panic!("three") };
        assert_eq!(cut.next().await, Delivery::End(EndReason::SlowConsumer));
        assert!(matches!(skip.next().await, Delivery::Gap(gap, _) if gap.reason == GapReason::Slow));
        assert_eq!(data(skip, 120).await, numbers(2880..3000));
        assert!(matches!(latest.next().await, Delivery::Gap(gap, _) if gap.reason == GapReason::Slow));
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
        let mut reader = world.subscribe("*", EARLIEST).await;
        assert!(matches!(reader.next().await, Delivery::Frames(_)));
        world.publish_numbers("skip", 240..400).await;
        let told = reader.next().await;
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
        let mut reader = world.subscribe("latest/*", Start::Now).await;
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
        let mut reader = world.subscribe("*", Start::Now).await;
        let Delivery::Frames(frames) = reader.next().await else { panic!("no last value") };
        let mut decoder = Decoder::new();
        let events: Vec<Event> = decoder.feed(&frames).map(Result::unwrap).collect();
        assert_eq!(events.iter().map(Event::data).collect::<Vec<_>>(), ["new"]);
        assert_eq!(reader.position(), head, "after all of them");
        world.publish("latest/x", "newer").await;
        assert_eq!(data(&mut reader, 1).await, ["newer"]);
    })
    .await;
}

#[tokio::test]
async fn shutdown_ends_waiting_and_new_subscriptions() {
    local(async {
        let world = World::new();
        let mut reader = world.subscribe("a", Start::Now).await;
        let waiting = tokio::task::spawn_local(async move { reader.next().await });
        tokio::task::yield_now().await;
        world.shutdown.cancel();
        let shutdown = Delivery::End(EndReason::Shutdown);
        assert_eq!(waiting.await.unwrap(), shutdown);
        assert_eq!(world.subscribe("a", Start::Now).await.next().await, shutdown);
    })
    .await;
}

#[tokio::test]
async fn as_many_as_asked_for_are_ended_and_the_others_go_on() {
    local(async {
        let world = World::new();
        let mut readers = Vec::new();
        for topic in ["a", "a", "a", "b", "b"] {
            let mut reader = world.subscribe(topic, Start::Now).await;
            let mut context = Context::from_waker(std::task::Waker::noop());
            assert!(reader.poll_next(&mut context).is_pending());
            readers.push(reader);
        }
        let mut ending = world.fanout.ending();
        assert_eq!(ending.count(), readers.len());
        for (more, expected) in [(0, 0), (2, 2), (2, 4), (9, 5)] {
            ending.end(more);
            for topic in ["a", "b"] {
                world.publish(topic, "x").await;
            }
            let mut ended = 0;
            for reader in &mut readers {
                ended += usize::from(reader.next().await == Delivery::End(EndReason::Shutdown));
            }
            assert_eq!(ended, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn interest_follows_subscriptions_by_name() {
    local(async {
        let world = World::new();
        let watch = world.hub.watch_interest(Topic::new("prices").unwrap());
        let all = world.subscribe("*", Start::Now).await;
        assert!(!watch.is_wanted(), "a subscription to every topic wakes nobody");
        let named = world.subscribe("prices/x", Start::Now).await;
        assert!(watch.is_wanted());
        drop(named);
        assert!(!watch.is_wanted());
        drop(all);
    })
    .await;
}

#[derive(Debug, Default)]
struct Written(std::cell::Cell<usize>);

impl DirectWriter for Written {
    fn write(&self, _: &crate::direct_writer::SharedFrames) -> crate::direct_writer::WriteOutcome {
        self.0.set(self.0.get() + 1);
        crate::direct_writer::WriteOutcome::Complete
    }
}

#[tokio::test]
async fn one_that_was_ended_is_given_nothing_past_its_task_neither() {
    local(async {
        let world = World::new();
        let written = Rc::new(Written::default());
        let writer: Weak<dyn DirectWriter> = Rc::<Written>::downgrade(&written);
        let mut ended = world.subscribe("a", Start::Now).await;
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(ended.poll_next_with(&mut context, Some(&writer)).is_pending());
        // Of the same feed, and so served in the same pass, after the other.
        let mut other = world.subscribe("a", Start::Now).await;
        for n in 0..2 {
            let next = tokio::task::spawn_local(async move {
                let data = data(&mut other, 1).await;
                (other, data)
            });
            tokio::task::yield_now().await;
            world.publish("a", n).await;
            let (reader, data) = next.await.unwrap();
            other = reader;
            assert_eq!((data, written.0.get()), (vec![n.to_string()], 1));
            ended.end();
        }
        assert_eq!(ended.next().await, Delivery::End(EndReason::Ended));
    })
    .await;
}
