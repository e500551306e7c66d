//! CPU time of one delivery at a steady pace, and latency of the last subscriber, against bare writes to as many sockets.

use std::time::Duration;

use anyhow::Result;

use super::cores::apart;
use super::figures::{median, percentile, ratios, spread};
use super::publisher::{self, Post};
use super::readers::{self, Readers};
use super::stamp::Clock;
use super::writes::{Pace, Writes};
use super::{machine, stream};
use crate::server::Server;
use crate::shell;

/// Flags of `cargo xtask bench fanout`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Subscriptions, all to one topic.
    #[arg(long, default_value_t = 1000)]
    streams: usize,
    /// Events per second.
    #[arg(long, default_value_t = 20)]
    rate: u32,
    /// Rounds; each measures server and bare writes in turn.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds for each of them in each round.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Bytes of data of one event.
    #[arg(long, default_value_t = 100)]
    data_bytes: usize,
}

pub(super) const TOPIC: &str = "bench/fanout";
pub(super) const PATH: &str = "/events?topic=bench/fanout";

/// What is measured of one side, over all rounds.
#[derive(Default)]
struct Side {
    /// CPU time of a delivery, one figure for each round.
    micros: Vec<f64>,
    /// Of all reads, in milliseconds.
    latencies: Vec<f64>,
    /// Latency of the last subscriber of an event: the median of each round, in milliseconds.
    last: Vec<f64>,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let clock = Clock::new();
    let data = shell::scratch_folder("bench")?;
    let server = apart(|| Server::start(data.path(), &[]))?;
    let files = server.open_files()?;
    let events = (args.seconds * f64::from(args.rate)).ceil() as u32;
    let interval = Duration::from_secs(1) / args.rate;
    let pace = Pace { events, interval, data_bytes: args.data_bytes, clock };
    let deliveries = u64::from(events) * args.streams as u64;
    let (mut of_server, mut of_writes) = (Side::default(), Side::default());
    for _ in 0..args.rounds {
        // One after the other, because this program may not open enough files for both.
        let readers = Readers::start(stream::open_many(&server.address, PATH, args.streams).await?, clock)?;
        let before = server.cpu_time()?;
        publish(&server.address, pace).await?;
        readers.wait_for(deliveries).await?;
        of_server.add(server.cpu_time()? - before, deliveries, &readers);
        drop(readers);
        readers::files_back(&server, files).await?;

        let mut writes = apart(|| Writes::listen(args.streams))?;
        let readers = Readers::start(stream::open_many(&writes.address, "/", args.streams).await?, clock)?;
        let cpu = writes.write(pace)?;
        readers.wait_for(deliveries).await?;
        of_writes.add(cpu, deliveries, &readers);
    }
    machine::print_heading();
    println!(
        "measured  {} rounds of {} s each, {} streams, {} events/s with {} bytes of data",
        args.rounds, args.seconds, args.streams, args.rate, args.data_bytes
    );
    of_server.print("sse-server");
    of_writes.print("bare writes");
    println!("ratio        {} a delivery", spread(&ratios(&of_server.micros, &of_writes.micros)));
    println!("             {} until the last subscriber", spread(&ratios(&of_server.last, &of_writes.last)));
    Ok(())
}

impl Side {
    fn add(&mut self, cpu: Duration, deliveries: u64, readers: &Readers) {
        self.micros.push(cpu.as_secs_f64() * 1e6 / deliveries as f64);
        self.latencies.extend(readers.take_latencies());
        self.last.push(median(&readers.take_last_latencies()));
    }

    fn print(&self, what: &str) {
        let (micros, last) = (median(&self.micros), median(&self.last));
        let (p50, p99) = (percentile(&self.latencies, 50.0), percentile(&self.latencies, 99.0));
        println!(
            "{what:<12} {micros:>7.2} µs of processor a delivery, latency p50 {p50:.2} ms, p99 {p99:.2} ms, last {last:.2} ms"
        );
    }
}

/// Publishes at a steady pace over one connection.
pub(super) async fn publish(address: &str, pace: Pace) -> Result<()> {
    publisher::publish(address, 1, pace, |_, data| Post::event(TOPIC, data)).await
}
