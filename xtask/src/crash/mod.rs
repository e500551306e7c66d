//! The crash test: kills the server repeatedly while publishers publish and readers resume, then audits what every
//! reader received against what was acknowledged.

mod reader;

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sse_client::reqwest::Client;
use tokio::task::{JoinSet, LocalSet};

use crate::server::Server;
use crate::shell;
use crate::workload::{Delivery, Ledger, Publisher, Shared, audit, publish_ends};
use reader::{Selection, Subscriber};

/// Flags of `cargo xtask crash`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Number of kills.
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// Publishers, each waiting for its acknowledgement.
    #[arg(long, default_value_t = 64)]
    publishers: usize,
    /// Readers, on a mix of selectors.
    #[arg(long, default_value_t = 100)]
    readers: usize,
    /// Events to be acknowledged before the test ends.
    #[arg(long, default_value_t = 50_000)]
    events: u64,
    /// Longest time between two kills, in seconds.
    #[arg(long, default_value_t = 4.0)]
    life: f64,
}

impl Args {
    /// The short form of the gate.
    pub(crate) fn short() -> Self {
        Self { kills: 5, publishers: 16, readers: 20, events: 4_000, life: 2.5 }
    }
}

/// Shortest time between two kills, in seconds. Readers reconnect after 1 to 2 s, so a few rounds have none of them and
/// most have all.
const MIN_LIFE: f64 = 0.3;
/// Events that a publisher sends without a pause, at most.
const MAX_BURST: u32 = 20;
/// Longest wait for events that are missing after the last kill, and again for the last event of each topic.
const PUBLISH_DEADLINE: Duration = Duration::from_secs(60);
/// Longest wait until the readers have received the last events.
const READ_DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn run(args: &Args) -> Result<()> {
    shell::build_server()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let data = shell::scratch_folder("crash")?;
    LocalSet::new().block_on(&runtime, test(args, data.path()))
}

async fn test(args: &Args, data: &Path) -> Result<()> {
    let mut server = Server::start(data, &[])?;
    let address = server.address.clone();
    let client = Client::builder().pool_max_idle_per_host(0).build()?;
    let mut readers = JoinSet::new();
    for nth in 0..args.readers {
        readers.spawn_local(reader::read(client.clone(), address.clone(), Selection::nth(nth)));
    }
    let shared = Rc::new(Shared::default());
    let mut publishers = JoinSet::new();
    for number in 0..args.publishers {
        let publisher = Publisher {
            number,
            address: address.clone(),
            delivery: Delivery::AtMostOnce,
            max_burst: MAX_BURST,
            pause: args.mean_pause(),
            shared: Rc::clone(&shared),
        };
        publishers.spawn_local(publisher.run());
    }
    let restarts = kill_repeatedly(args, &mut server, data).await?;
    wait_for_events(&shared, args.events).await?;
    shared.stop.set(true);
    let mut ledger = Ledger::default();
    while let Some(done) = publishers.join_next().await {
        ledger.add(done?);
    }
    let ends = tokio::time::timeout(PUBLISH_DEADLINE, publish_ends(&address)).await;
    ledger.add(ends.context("the last events are not acknowledged")?);
    let start = Instant::now();
    let subscribers = tokio::time::timeout(READ_DEADLINE, join(readers)).await;
    let subscribers = subscribers.context("readers do not receive the last events")??;
    report(&ledger, subscribers, restarts, start.elapsed())
}

impl Args {
    /// Pause of a publisher for each event, so that all of them together publish `events` while a server is up.
    fn mean_pause(&self) -> Duration {
        let uptime = f64::from(self.kills) * f64::midpoint(MIN_LIFE, self.life.max(MIN_LIFE));
        Duration::from_secs_f64(uptime * self.publishers as f64 / self.events as f64)
    }
}

/// Returns how long each restart took until the server listened.
async fn kill_repeatedly(args: &Args, server: &mut Server, data: &Path) -> Result<Vec<Duration>> {
    let mut restarts = Vec::new();
    for kill in 1..=args.kills {
        let life = MIN_LIFE + (args.life - MIN_LIFE).max(0.0) * fastrand::f64();
        tokio::time::sleep(Duration::from_secs_f64(life)).await;
        server.kill()?;
        let start = Instant::now();
        server.restart(data).await.with_context(|| format!("no restart after kill {kill}"))?;
        restarts.push(start.elapsed());
    }
    Ok(restarts)
}

/// Waits until `events` are acknowledged.
async fn wait_for_events(shared: &Shared, events: u64) -> Result<()> {
    let start = Instant::now();
    while shared.acknowledged.get() < events {
        let count = shared.acknowledged.get();
        ensure!(start.elapsed() < PUBLISH_DEADLINE, "only {count} of {events} events are acknowledged");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn join(mut readers: JoinSet<Result<Subscriber>>) -> Result<Vec<Subscriber>> {
    let mut subscribers = Vec::new();
    while let Some(done) = readers.join_next().await {
        subscribers.push(done??);
    }
    Ok(subscribers)
}

fn report(
    ledger: &Ledger,
    subscribers: Vec<Subscriber>,
    mut restarts: Vec<Duration>,
    catch_up: Duration,
) -> Result<()> {
    let reconnects: u64 = subscribers.iter().map(|subscriber| subscriber.reconnects).sum();
    let received: Vec<_> = subscribers.into_iter().map(|subscriber| subscriber.received).collect();
    let audit = audit(ledger, &received)?;
    let unacknowledged = ledger.sent.len() - ledger.acknowledged.len();
    restarts.sort_unstable();
    let millis = |at: Option<&Duration>| at.map_or(0, Duration::as_millis);
    let (median, max) = (millis(restarts.get(restarts.len() / 2)), millis(restarts.last()));
    println!("kill -9           {:>10}", restarts.len());
    println!("ready again       {median:>10} ms at the median, {max} ms at most");
    println!("acknowledged      {:>10} events, all there, once, in order", ledger.acknowledged.len());
    println!("not acknowledged  {unacknowledged:>10} events, {} of them stored", audit.stored_unacknowledged);
    println!("readers           {:>10}, which reconnected {reconnects} times", received.len());
    println!("deliveries        {:>10} checked, no gap", audit.deliveries);
    println!("caught up         {:>10.2} s after the last event", catch_up.as_secs_f64());
    Ok(())
}
