//! Maximum throughput: the next batch is published as soon as the readers are near the end of the previous one, so
//! there is always something to write and no reader falls behind retention.

use std::time::Instant;

use anyhow::Result;

use super::fanout::{PATH, TOPIC};
use super::figures::{per_second, percentile, thousands};
use super::readers::Readers;
use super::stamp::Clock;
use super::{machine, stream};
use crate::http::Connection;
use crate::server::Server;
use crate::shell;

/// Flags of `cargo xtask bench flood`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Subscriptions, all to one topic.
    #[arg(long, default_value_t = 1000)]
    streams: usize,
    /// Seconds to publish.
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// Bytes of data of one event.
    #[arg(long, default_value_t = 100)]
    data_bytes: usize,
    /// Events in a batch.
    #[arg(long, default_value_t = 200)]
    batch: u64,
}

/// Batches in flight: published and not yet received by all readers.
const AHEAD: u64 = 3;

pub(super) async fn run(args: Args) -> Result<()> {
    let clock = Clock::new();
    let data = shell::scratch_folder("bench")?;
    let server = Server::start(data.path(), &[])?;
    let readers = Readers::start(stream::open_many(&server.address, PATH, args.streams).await?, clock)?;
    let (start, before) = (Instant::now(), server.cpu_time()?);
    let events = publish(&server.address, &readers, &args, clock).await?;
    let (time, cpu) = (start.elapsed(), server.cpu_time()? - before);
    let deliveries = events * args.streams as u64;
    machine::print_heading();
    println!(
        "measured  {} s, {} streams, batches of {} events with {} bytes of data",
        args.seconds, args.streams, args.batch, args.data_bytes
    );
    println!("events        {:>12} published and stored", thousands(events as f64));
    println!("deliveries    {:>12} a second", thousands(per_second(deliveries, time)));
    println!("              {:>12} for each second of a core", thousands(per_second(deliveries, cpu)));
    println!("processor     {:>12.2} cores used by the server", cpu.as_secs_f64() / time.as_secs_f64());
    let latencies = readers.take_latencies();
    let (p50, p99) = (percentile(&latencies, 50.0), percentile(&latencies, 99.0));
    println!("latency       {p50:>12.1} ms p50, {p99:.1} ms p99, of the first event of each read");
    Ok(())
}

/// Publishes for `args.seconds` and waits until everything is delivered. Returns the number of events.
async fn publish(address: &str, readers: &Readers, args: &Args, clock: Clock) -> Result<u64> {
    let mut connection = Connection::open(address).await?;
    let start = Instant::now();
    let (mut events, streams) = (0, args.streams as u64);
    while start.elapsed().as_secs_f64() < args.seconds {
        let line = format!("{{\"data\":\"{}\"}}\n", clock.data(args.data_bytes));
        connection.publish_batch(TOPIC, line.repeat(args.batch as usize).as_bytes()).await?;
        events += args.batch;
        readers.wait_for(events.saturating_sub(AHEAD * args.batch) * streams).await?;
    }
    readers.wait_for(events * streams).await?;
    Ok(events)
}
