//! Latency of a resume on one topic of many, a few events behind: request to first event, against a server with one.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::args::Args;
use super::hub::Hub;
use super::names::{DATA, name};
use super::target::Target;
use crate::bench::figures::{median, percentile, thousands};
use crate::bench::stream;

const TARGET: Target = Target::AtMost(1.2);
/// Events after the id that readers resume from.
const MISSED: usize = 3;
/// Occurs only in the data of the missed events.
const MARK: &str = "missed~";
/// Prime, so that neighbours do not follow each other.
const STRIDE: usize = 7919;

/// A topic and the id to resume from.
struct Place {
    topic: String,
    id: String,
}

pub(super) async fn run(many: &Hub, args: &Args) -> Result<()> {
    ensure!(many.topics > 1, "the first topic is for filling");
    // The first topic takes the events that push the others out of memory.
    let (one, _) = Hub::with_topics(2, args.fill).await?;
    let (of_many, of_one) = (places(many, args.samples).await?, places(&one, 1).await?);
    compare("newest events", (many, &of_many), (&one, &of_one)).await?;
    many.fill(args.fill).await?;
    one.fill(args.fill).await?;
    compare("older events", (many, &of_many), (&one, &of_one)).await
}

/// Publishes the missed events of as many topics, one for each in turn.
async fn places(hub: &Hub, count: usize) -> Result<Vec<Place>> {
    let mut connection = hub.connect().await?;
    let topics: Vec<String> = (0..count).map(|nth| name(1 + nth * STRIDE % (hub.topics - 1))).collect();
    let mut places = Vec::new();
    for topic in topics {
        let id = connection.publish(&topic, DATA.as_bytes()).await?;
        places.push(Place { topic, id });
    }
    for _ in 0..MISSED {
        for place in &places {
            connection.publish(&place.topic, MARK.as_bytes()).await?;
        }
    }
    Ok(places)
}

async fn compare(what: &str, many: (&Hub, &[Place]), one: (&Hub, &[Place])) -> Result<()> {
    let (mut of_many, mut of_one) = (Vec::new(), Vec::new());
    for (place, only) in many.1.iter().zip(one.1.iter().cycle()) {
        of_one.push(micros(one.0, only).await?);
        of_many.push(micros(many.0, place).await?);
    }
    let p99 = |micros: &[f64]| percentile(micros, 99.0);
    let ratio = median(&of_many) / median(&of_one);
    println!(
        "resume    {what}, {MISSED} behind: p50 {:.0} µs, p99 {:.0} with {} topics; {:.0} and {:.0} with one; ratio \
         {ratio:.2} {}, of the p99 {:.2}",
        median(&of_many),
        p99(&of_many),
        thousands(many.0.topics as f64),
        median(&of_one),
        p99(&of_one),
        TARGET.verdict(ratio),
        p99(&of_many) / p99(&of_one)
    );
    Ok(())
}

/// Microseconds from the request to the first event, on a connection that is already open.
async fn micros(hub: &Hub, place: &Place) -> Result<f64> {
    let address = &hub.server.address;
    let mut reader = stream::connect(address).await?;
    let (path, header) =
        (format!("/events?topic={}", place.topic), format!("Last-Event-ID: {}\r\n", place.id));
    let start = Instant::now();
    stream::request(&mut reader, address, &path, &header).await?;
    stream::read_until(&mut reader, MARK.as_bytes()).await?;
    Ok(start.elapsed().as_secs_f64() * 1e6)
}
