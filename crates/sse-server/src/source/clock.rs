//! The server-time update of `/events`: an unnamed message every 5 s, as in the tutorial.

use std::time::Duration;

use sse_core::payload::ServerTime;
use sse_core::{Event, Topic};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::timestamp;
use crate::hub::Hub;
use crate::shutdown::Shutdown;

const INTERVAL: Duration = Duration::from_secs(5);

/// The topic that the updates go to.
pub(crate) fn topic() -> Topic {
    Topic::new("clock").expect("the name follows the grammar")
}

/// Publishes until shutdown.
pub(crate) async fn run(hub: Hub, mut shutdown: Shutdown) {
    let mut ticks = interval_at(Instant::now() + INTERVAL, INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.requested() => return,
        }
        let update = ServerTime { time: timestamp(), message: "Server update".into() };
        let data = serde_json::to_string(&update).expect("strings become JSON");
        if let Err(error) = hub.publish(topic(), Event::new(data)).await {
            tracing::warn!(%error, "the time was not published");
        }
    }
}
