//! Clock: the server-time update of `/events`, an unnamed message every 5 s, as in the tutorial.

use std::time::Duration;

use sse_core::Topic;
use sse_core::payload::ServerTime;
use sse_hub::{Hub, Policy, Retention};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::application::{Application, Running};
use crate::json_event::json_event;
use crate::timestamp;

const TOPIC: &str = "clock";
const INTERVAL: Duration = Duration::from_secs(5);
/// Ten minutes.
const RETENTION: Retention = Retention { count: Some(120), age: None, bytes: None };

pub(super) const APPLICATION: Application = Application {
    name: "clock",
    policies: &[(TOPIC, Policy::in_memory(RETENTION))],
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

async fn publish(hub: Hub) {
    let topic = Topic::new(TOPIC).expect("the name follows the grammar");
    let mut ticks = interval_at(Instant::now() + INTERVAL, INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let update = ServerTime { time: timestamp::now(), message: "Server update".into() };
        if let Err(error) = hub.publish(topic.clone(), json_event("message", &update)).await {
            tracing::warn!(%error, "the time was not published");
        }
    }
}
