//! Latency of a resume on one topic of many, a few events behind: request to first event, against a server with one.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::args::Args;
use super::hub::{FILL_TOPICS, Hub};
use super::names::{DATA, name};
use super::target::Target;
use crate::bench::figures::{median, percentile, thousands};
use crate::bench::stream;
use crate::http::Connection;

const TARGET: Target = Target::AtMost(1.2);
/// Events after the id that readers resume from.
const MISSED: usize = 3;
/// Occurs only in the data of the missed events.
const MARK: &str = "missed~";
/// Prime, so that neighbours do not follow each other.
const STRIDE: usize = 7919;

/// A server, and latencies in microseconds.
struct Side<'a> {
    hub: &'a Hub,
    connection: Connection,
    /// Topics and ids that were resumed from.
    places: Vec<Place>,
    first: Vec<f64>,
    again: Vec<f64>,
}

/// A topic and the id to resume from.
struct Place {
    topic: String,
    id: String,
}

pub(super) async fn run(many: &Hub, args: &Args) -> Result<()> {
    ensure!(many.topics > FILL_TOPICS, "more than {FILL_TOPICS} topics are needed");
    // One, and those that take the events that fill.
    let one = Hub::with_topics(FILL_TOPICS + 1, args.fill).await?;
    let (mut of_many, mut of_one) = (Side::new(many).await?, Side::new(&one).await?);
    for nth in 0..args.samples {
        of_one.measure(nth).await?;
        of_many.measure(nth).await?;
    }
    println!(
        "resume    {MISSED} events behind, {} samples, with {} topics against one:",
        args.samples,
        thousands(many.topics as f64)
    );
    for (what, many, one) in [
        ("events read for the first time", &of_many.first, &of_one.first),
        ("events read again", &of_many.again, &of_one.again),
    ] {
        let ratio = median(many) / median(one);
        println!(
            "resume    {what}: {} against {}, ratio of the p50 {ratio:.2} {}",
            percentiles(many),
            percentiles(one),
            TARGET.verdict(ratio)
        );
    }
    many.fill(args.fill).await?;
    let mut older = Vec::new();
    for place in &of_many.places {
        older.push(place.resume(many).await?);
    }
    println!(
        "resume    events that {} others came after: {}",
        thousands(args.fill as f64),
        percentiles(&older)
    );
    Ok(())
}

fn percentiles(micros: &[f64]) -> String {
    format!("p50 {:.0} µs, p99 {:.0} µs", median(micros), percentile(micros, 99.0))
}

impl<'a> Side<'a> {
    async fn new(hub: &'a Hub) -> Result<Self> {
        let connection = hub.connect().await?;
        Ok(Self { hub, connection, places: Vec::new(), first: Vec::new(), again: Vec::new() })
    }

    /// Publishes new events, because only the newest of a topic are a few behind, and resumes twice.
    async fn measure(&mut self, nth: usize) -> Result<()> {
        let topic = name(FILL_TOPICS + nth * STRIDE % (self.hub.topics - FILL_TOPICS));
        let id = self.connection.publish(&topic, DATA.as_bytes()).await?;
        for _ in 0..MISSED {
            self.connection.publish(&topic, MARK.as_bytes()).await?;
        }
        let place = Place { topic, id };
        self.first.push(place.resume(self.hub).await?);
        self.again.push(place.resume(self.hub).await?);
        self.places.push(place);
        Ok(())
    }
}

impl Place {
    /// Microseconds from the request to the first event, on a connection that is already open.
    async fn resume(&self, hub: &Hub) -> Result<f64> {
        let address = &hub.server.address;
        let mut reader = stream::connect(address).await?;
        let path = format!("/events?topic={}", self.topic);
        let header = format!("Last-Event-ID: {}\r\n", self.id);
        let start = Instant::now();
        stream::request(&mut reader, address, &path, &header).await?;
        stream::read_until(&mut reader, MARK.as_bytes()).await?;
        Ok(start.elapsed().as_secs_f64() * 1e6)
    }
}
