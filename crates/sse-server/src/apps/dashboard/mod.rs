//! Dashboard: one sample of the host every few seconds, with the tutorial's event names and fields.
//!
//! It samples whether or not somebody watches, so that the charts have no holes; see `docs/decisions/0004-sample-always.md`
//! for what that costs.

mod sampler;

use std::time::Duration;

use actix_web::HttpRequest;
use sse_core::Topic;
use sse_core::payload::HubFigures;
use sse_hub::{Counters, Hub, Policy, Retention, Selectors};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::application::{Application, Running};
use super::host;
use crate::auth::Access;
use crate::duration_flag::{HOUR, duration_within};
use crate::http::{Endpoint, EventStream, GET, PARAMETERS, Page, Problem, Query, connected, subscribe};
use crate::json_event::json_event;
use sampler::Sampler;

const TOPIC: &str = "metrics";
/// An hour: 1,800 samples at the default interval, about 3 MB.
const RETENTION: Retention = Retention { count: None, age: Some(HOUR), bytes: Some(32 << 20) };
/// sysinfo cannot tell the use of a core over less than 200 ms.
const LEAST_INTERVAL: Duration = Duration::from_millis(200);
/// How long the use of the cores is measured before the first sample goes out.
const WARM_UP: Duration = Duration::from_millis(250);

pub(super) const APPLICATION: Application = Application {
    name: "dashboard",
    policies: &[(TOPIC, Policy::in_memory(RETENTION))],
    pages: &[Page { path: "/dashboard", file: "dashboard.html", title: "Dashboard" }],
    streams: &["/dashboard-events"],
    endpoints: || vec![Endpoint::new("/dashboard-events").on(GET, events)],
    openapi: include_str!("openapi.json"),
    flags: <Flags as clap::Args>::augment_args,
    section: None,
    start: |mut launch| {
        Box::pin(async move {
            let Flags { metrics_interval } = launch.flags()?;
            launch.spawn(publish(launch.hub.clone(), metrics_interval));
            Ok(Running::without_state())
        })
    },
};

#[derive(clap::Args)]
#[group(skip)]
struct Flags {
    /// Time between two samples of the host, from 200ms to 1h.
    #[arg(long, env = "SSE_METRICS_INTERVAL", value_name = "TIME", default_value = "2s",
        value_parser = |text: &str| duration_within(text, LEAST_INTERVAL, HOUR))]
    metrics_interval: Duration,
}

fn topic() -> Topic {
    Topic::new(TOPIC).expect("the name follows the grammar")
}

/// `GET /dashboard-events`
async fn events(request: HttpRequest, access: Access) -> Result<EventStream, Problem> {
    let query = Query::read(&request, &PARAMETERS)?;
    let greeting = connected("Connected to system monitor");
    subscribe(&request, &access, &query, Selectors::exactly(topic()), greeting).await
}

/// Publishes a sample every `every`.
async fn publish(hub: Hub, every: Duration) {
    let mut sampler = match Sampler::new() {
        Ok(sampler) => sampler,
        Err(error) => return tracing::error!(%error, "no metrics on this system"),
    };
    let mut rate = EventRate::new(&hub);
    let mut ticks = interval_at(Instant::now() + WARM_UP, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let figures = rate.figures(&hub).await;
        let sample = move |sampler: &mut Sampler| sampler.sample(every, figures);
        let Some((used, metrics)) = host::read("metrics", sampler, sample).await else { return };
        sampler = used;
        if let Err(error) = hub.publish(topic(), json_event("metrics", &metrics)).await {
            tracing::warn!(%error, "a sample was not published");
        }
    }
}

/// Counts the hub's events from one sample to the next.
struct EventRate {
    head: u64,
    at: Instant,
}

impl EventRate {
    fn new(hub: &Hub) -> Self {
        Self { head: hub.head(), at: Instant::now() }
    }

    async fn figures(&mut self, hub: &Hub) -> HubFigures {
        let before = std::mem::replace(self, Self::new(hub));
        let seconds = (self.at - before.at).as_secs_f64().max(0.001);
        let events = (self.head - before.head) as f64;
        HubFigures {
            streams: usize::try_from(Counters::get(&hub.counters().connections_open)).unwrap_or(usize::MAX),
            topics: hub.topic_count().await.unwrap_or_default(),
            events_per_second: (events / seconds * 10.0).round() / 10.0,
        }
    }
}
