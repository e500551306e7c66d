//! The metrics source: one sampler for all readers, at rest while nobody looks.

use std::time::Duration;

use sse_core::payload::{HubFigures, Metrics};
use sse_core::{Event, EventType, Topic};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::host;
use super::sampler::Sampler;
use crate::hub::{Hub, Watched};
use crate::shutdown::Shutdown;

/// After a rest, how long the use of the cores is measured before the first sample goes out. sysinfo's least is
/// 200 ms.
const WARM_UP: Duration = Duration::from_millis(250);

/// The topic that the samples go to.
pub(crate) fn topic() -> Topic {
    Topic::new("metrics").expect("the name follows the grammar")
}

/// Publishes a sample every `every` while somebody looks, until shutdown.
pub(crate) fn run(hub: Hub, every: Duration, mut shutdown: Shutdown) -> impl Future<Output = ()> {
    // Not in the task, which may have its first turn only after the first reader came.
    let demand = hub.watch_demand(topic());
    async move {
        tokio::select! {
            () = publish(hub, demand, every) => {}
            () = shutdown.requested() => {}
        }
    }
}

async fn publish(hub: Hub, mut demand: Watched, every: Duration) {
    let event_type = EventType::new("metrics").expect("not empty, one line");
    let mut sampler = match Sampler::new() {
        Ok(sampler) => sampler,
        Err(error) => return tracing::error!(%error, "no metrics on this system"),
    };
    loop {
        demand.wanted().await;
        // The figures are rates since the last sample, which may be long ago after a rest.
        let mut pace = Pace::new(&hub);
        let Some((rested, _)) = sample(sampler, every, pace.figures(&hub)).await else { return };
        sampler = rested;
        sleep(WARM_UP).await;
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while demand.is_wanted() {
            ticks.tick().await;
            let Some((used, metrics)) = sample(sampler, every, pace.figures(&hub)).await else { return };
            sampler = used;
            let data = serde_json::to_string(&metrics).expect("numbers and strings become JSON");
            if let Err(error) = hub.publish(topic(), Event::new(data).with_type(event_type.clone())).await {
                tracing::warn!(%error, "a sample was not published");
            }
        }
    }
}

async fn sample(sampler: Sampler, every: Duration, hub: HubFigures) -> Option<(Sampler, Metrics)> {
    host::read("metrics", sampler, move |sampler| sampler.sample(every, hub)).await
}

/// Counts the hub's events from one sample to the next.
struct Pace {
    head: u64,
    at: Instant,
}

impl Pace {
    fn new(hub: &Hub) -> Self {
        Self { head: hub.head(), at: Instant::now() }
    }

    fn figures(&mut self, hub: &Hub) -> HubFigures {
        let before = std::mem::replace(self, Self::new(hub));
        let seconds = (self.at - before.at).as_secs_f64().max(0.001);
        let events = (self.head - before.head) as f64;
        let events_per_second = (events / seconds * 10.0).round() / 10.0;
        HubFigures { streams: hub.streams(), topics: hub.topic_count(), events_per_second }
    }
}
