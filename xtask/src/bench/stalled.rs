//! The cost of readers that have stopped reading: memory, and latency of the others.

use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::cores::apart;
use super::fanout::{self, PATH, TOPIC};
use super::figures::{median, percentile, spread};
use super::readers::Readers;
use super::stamp::Clock;
use super::writes::Pace;
use super::{machine, stream};
use crate::http::Connection;
use crate::server::Server;
use crate::shell;

/// Flags of `cargo xtask bench stalled`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Subscriptions, all to one topic, stalled ones included.
    #[arg(long, default_value_t = 1000)]
    streams: usize,
    /// One in this many stalls.
    #[arg(long, default_value_t = 10)]
    one_in: usize,
    /// Events per second.
    #[arg(long, default_value_t = 20)]
    rate: u32,
    /// Rounds; each is measured without stalled subscriptions and then with them.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds for each in each round.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Bytes to send to each subscriber so that stalled ones are full: more than the kernel's buffers hold.
    #[arg(long, default_value_t = 8 << 20)]
    fill: usize,
    /// Fill with data of line ends only: each takes seven bytes on the wire.
    #[arg(long)]
    line_ends: bool,
}

const DATA_BYTES: usize = 100;
/// Bytes of data of the events that fill the buffers.
const FILL_EVENT: usize = 32 << 10;
/// Line ends that make a frame just below its limit of 2 MiB.
const LINE_ENDS: usize = 299_500;
const LINE_END_FRAME: usize = 2 << 20;

/// Until the server holds as many of the newest records in memory as it ever does: they are no stalled reader's.
const FILLS_BEFORE: usize = 3;

/// A server with its readers.
struct Bench {
    server: Server,
    readers: Readers,
    reading: u64,
    pace: Pace,
    /// Events that each reader must have received.
    published: u64,
    _data: TempDir,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let stalling = args.streams / args.one_in.max(1);
    let reading = args.streams - stalling;
    let (mut without, mut with, mut kibibytes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        // A new server, because one keeps memory of earlier rounds.
        let mut bench = Bench::start(&args, reading).await?;
        // Before both measurements, so that its effect on server and readers is in both.
        for _ in 0..FILLS_BEFORE {
            bench.fill(&args).await?;
        }
        without.push(bench.latencies().await?);
        let before = bench.server.resident_bytes()?;
        let stalled: Vec<TcpStream> = stream::open_many(&bench.server.address, PATH, stalling).await?;
        bench.fill(&args).await?;
        with.push(bench.latencies().await?);
        let grown = bench.server.resident_bytes()?.saturating_sub(before);
        kibibytes.push(grown as f64 / 1024.0 / stalling.max(1) as f64);
        drop(stalled);
    }
    machine::print_heading();
    println!(
        "measured  {} rounds of {} s each, {reading} streams that read, {} events/s with {DATA_BYTES} bytes of data",
        args.rounds, args.seconds, args.rate
    );
    let percentiles = [("p50", 50.0), ("p99", 99.0)];
    for (name, percent) in percentiles.into_iter().filter(|_| reading > 0) {
        print_row(name, percent, &without, &with, stalling);
    }
    println!("memory of a stalled stream, {stalling} of them  {} KiB resident", spread(&kibibytes));
    Ok(())
}

/// One percentile: its medians over all rounds, and the ratio.
fn print_row(name: &str, percent: f64, without: &[Vec<f64>], with: &[Vec<f64>], stalling: usize) {
    let of =
        |rounds: &[Vec<f64>]| rounds.iter().map(|round| percentile(round, percent)).collect::<Vec<f64>>();
    let (without, with) = (of(without), of(with));
    let ratios: Vec<f64> = with.iter().zip(&without).map(|(with, without)| with / without).collect();
    let (before, after) = (median(&without), median(&with));
    println!(
        "latency {name}  {before:.2} ms, with {stalling} stalled {after:.2} ms, ratio {}",
        spread(&ratios)
    );
}

impl Bench {
    async fn start(args: &Args, reading: usize) -> Result<Self> {
        let clock = Clock::new();
        let data = shell::scratch_folder("bench")?;
        let server = apart(|| Server::start(data.path(), &[]))?;
        let readers = Readers::start(stream::open_many(&server.address, PATH, reading).await?, clock)?;
        let events = (args.seconds * f64::from(args.rate)).ceil() as u32;
        let pace =
            Pace { events, interval: Duration::from_secs(1) / args.rate, data_bytes: DATA_BYTES, clock };
        Ok(Self { server, readers, reading: reading as u64, pace, published: 0, _data: data })
    }

    /// Sends that many bytes to every subscriber and waits for those that read.
    async fn fill(&mut self, args: &Args) -> Result<()> {
        let mut connection = Connection::open(&self.server.address).await?;
        let frame = if args.line_ends { LINE_END_FRAME } else { FILL_EVENT };
        for _ in 0..args.fill.div_ceil(frame) {
            let data = match args.line_ends {
                true => self.pace.clock.data(0) + &"\n".repeat(LINE_ENDS),
                false => self.pace.clock.data(FILL_EVENT),
            };
            connection.publish(TOPIC, data.as_bytes()).await?;
            self.published += 1;
            self.readers.wait_for(self.published * self.reading).await?;
        }
        Ok(())
    }

    /// Latencies at a steady pace, in milliseconds.
    async fn latencies(&mut self) -> Result<Vec<f64>> {
        self.readers.take_latencies();
        fanout::publish(&self.server.address, self.pace).await?;
        self.published += u64::from(self.pace.events);
        self.readers.wait_for(self.published * self.reading).await?;
        Ok(self.readers.take_latencies())
    }
}
