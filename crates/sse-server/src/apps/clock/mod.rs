//! Clock: the server-time update of `/events`, an unnamed message every 5 s, as in the tutorial.

use std::time::Duration;

use sse_core::payload::ServerTime;
use sse_core::{Event, Topic};
use sse_hub::{Durability, Hub, Policy, Retention, SlowConsumer};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::application::{Application, Running};
use crate::timestamp;

const TOPIC: &str = "clock";
const INTERVAL: Duration = Duration::from_secs(5);

pub(super) const APPLICATION: Application = Application {
    name: "clock",
    policies,
    pages: &[],
    streams: &[],
    endpoints: Vec::new,
    openapi: "{}",
    flags: |command| command,
    section: None,
    start: |mut launch| {
        launch.spawn(publish(launch.hub.clone()));
        Box::pin(async { Ok(Running::without_state()) })
    },
};

/// In memory, and of use only while it is new: ten minutes.
fn policies() -> Vec<(&'static str, Policy)> {
    let retention = Retention { count: Some(120), age: None, bytes: None };
    let (durability, slow_consumer) = (Durability::Memory, SlowConsumer::Conflate);
    vec![(TOPIC, Policy { durability, retention, slow_consumer, last_value: false })]
}

async fn publish(hub: Hub) {
    let topic = Topic::new(TOPIC).expect("the name follows the grammar");
    let mut ticks = interval_at(Instant::now() + INTERVAL, INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let update = ServerTime { time: timestamp::now(), message: "Server update".into() };
        let data = serde_json::to_string(&update).expect("strings become JSON");
        if let Err(error) = hub.publish(topic.clone(), Event::new(data)).await {
            tracing::warn!(%error, "the time was not published");
        }
    }
}
