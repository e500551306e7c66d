//! Throughput of publishing to random topics: a server with many against one with few.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use super::args::Args;
use super::hub::Hub;
use super::names::{DATA, lines, name};
use super::target::Target;
use crate::bench::figures::{median, per_second, ratios, spread, thousands};
use crate::http::Connection;

const TARGET: Target = Target::AtLeast(0.9);
/// Events in a batch.
const BATCH: usize = 100;

/// What one request publishes.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Single,
    Batch,
}

const SHAPES: [(&str, Shape); 2] = [("single events", Shape::Single), ("batches of 100", Shape::Batch)];

pub(super) async fn run(many: &Hub, few: &Hub, args: &Args) -> Result<()> {
    let time = Duration::from_secs_f64(args.seconds);
    let mut rates: [[Vec<f64>; 2]; SHAPES.len()] = Default::default();
    // The first round fills caches.
    for round in 0..=args.rounds {
        for ((_, shape), rates) in SHAPES.iter().zip(&mut rates) {
            for (hub, rates) in [few, many].into_iter().zip(rates) {
                let rate = shape.rate(hub, args.publishers, time).await?;
                rates.extend((round > 0).then_some(rate));
            }
        }
    }
    for ((what, _), [few_rates, many_rates]) in SHAPES.iter().zip(&rates) {
        let ratios = ratios(many_rates, few_rates);
        println!(
            "publish   {what}, {} publishers: {} events/s to {} topics, {} to {}, ratio {} {}",
            args.publishers,
            thousands(median(many_rates)),
            thousands(many.topics as f64),
            thousands(median(few_rates)),
            thousands(few.topics as f64),
            spread(&ratios),
            TARGET.verdict(median(&ratios))
        );
    }
    Ok(())
}

impl Shape {
    /// Events per second of publishers that each wait for the response before the next request.
    async fn rate(self, hub: &Hub, publishers: usize, time: Duration) -> Result<f64> {
        let mut connections = Vec::new();
        for _ in 0..publishers {
            connections.push(hub.connect().await?);
        }
        let (start, topics) = (Instant::now(), hub.topics);
        let mut tasks = JoinSet::new();
        for mut connection in connections {
            tasks.spawn(async move {
                let (mut count, mut random) = (0, fastrand::Rng::new());
                while start.elapsed() < time {
                    let request = self.request(&connection, || random.usize(..topics));
                    connection.send_prepared(&request).await?;
                    count += self.events();
                }
                anyhow::Ok(count)
            });
        }
        let mut count = 0;
        while let Some(done) = tasks.join_next().await {
            count += done??;
        }
        Ok(per_second(count as u64, start.elapsed()))
    }

    fn events(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Batch => BATCH,
        }
    }

    fn request(self, connection: &Connection, mut topic: impl FnMut() -> usize) -> Vec<u8> {
        match self {
            Self::Single => connection.request(&name(topic()), "text/plain", DATA.as_bytes()),
            Self::Batch => {
                let batch = lines((0..BATCH).map(|_| topic()));
                connection.post_request("/topics", "application/x-ndjson", batch.as_bytes())
            }
        }
    }
}
