//! Subscribers of many selectors each: what they add to a large batch, and to the latency of a subscriber of another topic.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::try_join_all;
use tempfile::TempDir;

use super::cores::apart;
use super::figures::{median, percentile, ratios, spread};
use super::readers::Readers;
use super::stamp::Clock;
use super::{machine, stream};
use crate::http::Connection;
use crate::server::Server;
use crate::shell;

/// Flags of `cargo xtask bench selectors`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Subscribers, against one.
    #[arg(long, default_value_t = 1000)]
    streams: usize,
    /// Selectors of each, all different.
    #[arg(long, default_value_t = 100)]
    selectors: usize,
    /// Events in a batch, all to topics of the first subscriber.
    #[arg(long, default_value_t = 10_000)]
    batch: usize,
    /// Connections that publish batch after batch while the latency is measured.
    #[arg(long, default_value_t = 2)]
    publishers: usize,
    /// Rounds; each measures both servers in turn.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of that in each round.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
}

const INNOCENT: &str = "innocent";
/// Between two events to the innocent subscriber.
const INTERVAL: Duration = Duration::from_millis(20);
const DATA_BYTES: usize = 20;
const TRIES: usize = 5;

/// A server with its subscribers.
struct Audience {
    server: Server,
    readers: Readers,
    innocent: Readers,
    /// Events that must have arrived at each.
    published: (u64, u64),
    /// Milliseconds from the request of a batch to its last event, one figure for each round.
    batch: Vec<f64>,
    /// Latencies of the innocent subscriber in milliseconds: p50 and p99 of each round.
    p50: Vec<f64>,
    p99: Vec<f64>,
    _data: TempDir,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let clock = Clock::new();
    let mut one = Audience::new(1, &args, clock).await?;
    let mut many = Audience::new(args.streams, &args, clock).await?;
    for _ in 0..args.rounds {
        for audience in [&mut one, &mut many] {
            audience.time_batch(&args, clock).await?;
            audience.flood(&args, clock).await?;
        }
    }
    machine::print_heading();
    println!(
        "measured  {} rounds, batches of {} events to a subscriber of {} selectors; an innocent one under {} publishers for {} s",
        args.rounds, args.batch, args.selectors, args.publishers, args.seconds
    );
    println!("{:<10} {:>12} {:>14} {:>14}", "", "alone, ms", format!("of {}, ms", args.streams), "ratio");
    let row = |what, of: fn(&Audience) -> &[f64]| {
        let (one, many) = (of(&one), of(&many));
        println!("{what:<10} {:>12.1} {:>14.1}   {}", median(one), median(many), spread(&ratios(many, one)));
    };
    row("batch", |audience| &audience.batch);
    row("waits p50", |audience| &audience.p50);
    row("waits p99", |audience| &audience.p99);
    Ok(())
}

impl Audience {
    async fn new(streams: usize, args: &Args, clock: Clock) -> Result<Self> {
        let data = shell::scratch_folder("bench")?;
        let server = apart(|| Server::start(data.path(), &["--apps", "none"]))?;
        let path = |nth| {
            let topics = (0..args.selectors).map(|selector| format!("topic=many/{nth}/{selector}"));
            format!("/events?{}", Vec::from_iter(topics).join("&"))
        };
        let open = async |paths: Vec<String>| {
            let opened = stream::open_each(&server.address, stream::GREETING, paths.into_iter()).await?;
            Readers::start(opened, clock)
        };
        let readers = open((0..streams).map(path).collect()).await?;
        let innocent = open(vec![format!("/events?topic={INNOCENT}")]).await?;
        let (batch, p50, p99) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { server, readers, innocent, published: (0, 0), batch, p50, p99, _data: data })
    }

    async fn time_batch(&mut self, args: &Args, clock: Clock) -> Result<()> {
        let mut connection = Connection::open(&self.server.address).await?;
        let request = batch(&connection, args, clock);
        let start = Instant::now();
        send(&self.server.address, &mut connection, &request).await?;
        self.published.0 += args.batch as u64;
        self.readers.wait_for(self.published.0).await?;
        self.batch.push(start.elapsed().as_secs_f64() * 1e3);
        Ok(())
    }

    /// The innocent subscriber's latency while others publish batches.
    async fn flood(&mut self, args: &Args, clock: Clock) -> Result<()> {
        let (address, done) = (&self.server.address, Cell::new(false));
        let flooding = async || {
            let mut connection = Connection::open(address).await?;
            let mut batches = 0;
            while !done.get() {
                let request = batch(&connection, args, clock);
                send(address, &mut connection, &request).await?;
                batches += 1;
            }
            anyhow::Ok(batches)
        };
        let innocent = async {
            let (mut connection, start, mut events) = (Connection::open(address).await?, Instant::now(), 0);
            while start.elapsed().as_secs_f64() < args.seconds {
                tokio::time::sleep(INTERVAL).await;
                let topic = format!("{INNOCENT}?key={}", clock.elapsed().as_nanos());
                let request = connection.request(&topic, "text/plain", clock.data(DATA_BYTES).as_bytes());
                send(address, &mut connection, &request).await?;
                events += 1;
            }
            done.set(true);
            Ok(events)
        };
        let floods = try_join_all((0..args.publishers).map(|_| flooding()));
        let (batches, events) = tokio::try_join!(floods, innocent)?;
        self.published.0 += batches.iter().sum::<u64>() * args.batch as u64;
        self.published.1 += events;
        self.readers.wait_for(self.published.0).await?;
        self.innocent.wait_for(self.published.1).await?;
        let latencies = self.innocent.take_latencies();
        self.p50.push(percentile(&latencies, 50.0));
        self.p99.push(percentile(&latencies, 99.0));
        Ok(())
    }
}

/// Sends a request until it is answered: a server whose workers are busy for seconds takes connections for idle and closes
/// them. Its idempotency key keeps it from being stored twice.
async fn send(address: &str, connection: &mut Connection, request: &[u8]) -> Result<()> {
    for _ in 0..TRIES {
        if connection.send_prepared(request).await.is_ok() {
            return Ok(());
        }
        *connection = Connection::open(address).await?;
    }
    connection.send_prepared(request).await
}

/// A batch over all topics of the first subscriber.
fn batch(connection: &Connection, args: &Args, clock: Clock) -> Vec<u8> {
    let data = clock.data(DATA_BYTES);
    let line = |nth| format!("{{\"topic\":\"many/0/{}\",\"data\":\"{data}\"}}\n", nth % args.selectors);
    connection.post_request(
        &format!("/topics?key={}", clock.elapsed().as_nanos()),
        "application/x-ndjson",
        (0..args.batch).map(line).collect::<String>().as_bytes(),
    )
}
