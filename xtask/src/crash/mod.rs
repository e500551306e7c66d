//! The crash test: `kill -9` the server again and again while publishers publish and readers resume, then hold every
//! reader's list against what was acknowledged.

mod ledger;
mod publisher;
mod reader;
mod verdict;

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sse_client::reqwest::Client;
use tokio::task::{JoinSet, LocalSet};

use crate::server::Server;
use crate::shell;
use ledger::Ledger;
use publisher::{Publisher, Shared};
use reader::{Seen, Selection};

/// Flags of `cargo xtask crash`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often the server is killed.
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// Publishers, each waiting for its acknowledgement.
    #[arg(long, default_value_t = 64)]
    publishers: usize,
    /// Readers, on a mix of selectors.
    #[arg(long, default_value_t = 100)]
    readers: usize,
    /// Events that are acknowledged before it ends.
    #[arg(long, default_value_t = 50_000)]
    events: u64,
    /// Longest time a server lives between two kills, in seconds.
    #[arg(long, default_value_t = 4.0)]
    life: f64,
}

impl Args {
    /// The short form of the gate.
    pub(crate) fn short() -> Self {
        Self { kills: 5, publishers: 16, readers: 20, events: 4_000, life: 2.5 }
    }
}

/// Least time between two kills. Readers come back after 1 to 2 s, so some rounds have none and most have all.
const LEAST_LIFE: f64 = 0.3;
/// For the events that are still missing after the last kill.
const MOST_EXTRA: Duration = Duration::from_secs(60);
/// For the readers to come to the end.
const CATCH_UP: Duration = Duration::from_secs(60);

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
    let pause = Duration::from_secs_f64(expected_seconds(args) * args.publishers as f64 / args.events as f64);
    let mut publishers = JoinSet::new();
    for number in 0..args.publishers {
        let publisher = Publisher { number, address: address.clone(), pause, shared: Rc::clone(&shared) };
        publishers.spawn_local(publisher.run());
    }
    let restarts = kill_again_and_again(args, &mut server, data).await?;
    enough(&shared, args.events).await?;
    shared.stop.set(true);
    let mut ledger = Ledger::default();
    while let Some(done) = publishers.join_next().await {
        ledger.add(done?);
    }
    ledger.add(publisher::end_topics(&address).await?);
    let from = Instant::now();
    let seen =
        tokio::time::timeout(CATCH_UP, all(readers)).await.context("readers do not come to the end")??;
    report(&ledger, &seen, &restarts, from.elapsed())
}

/// Time in which a server is up, on average.
fn expected_seconds(args: &Args) -> f64 {
    f64::from(args.kills) * f64::midpoint(LEAST_LIFE, args.life.max(LEAST_LIFE))
}

/// Gives the time that each restart took until the server listened.
async fn kill_again_and_again(args: &Args, server: &mut Server, data: &Path) -> Result<Vec<Duration>> {
    let mut restarts = Vec::new();
    for kill in 1..=args.kills {
        let life = LEAST_LIFE + (args.life - LEAST_LIFE).max(0.0) * fastrand::f64();
        tokio::time::sleep(Duration::from_secs_f64(life)).await;
        server.kill()?;
        let (address, data) = (server.address.clone(), data.to_owned());
        let from = Instant::now();
        // Beside the others, which find nobody at the port meanwhile.
        let start = tokio::task::spawn_blocking(move || Server::start_at(&address, &data, &[]));
        *server = start.await?.with_context(|| format!("no restart after kill {kill}"))?;
        restarts.push(from.elapsed());
    }
    Ok(restarts)
}

/// Waits until as many events are acknowledged.
async fn enough(shared: &Shared, events: u64) -> Result<()> {
    let from = Instant::now();
    while shared.acknowledged.get() < events {
        let count = shared.acknowledged.get();
        ensure!(from.elapsed() < MOST_EXTRA, "only {count} of {events} events are acknowledged");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn all(mut readers: JoinSet<Result<Seen>>) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    while let Some(done) = readers.join_next().await {
        seen.push(done??);
    }
    Ok(seen)
}

fn report(ledger: &Ledger, seen: &[Seen], restarts: &[Duration], catch_up: Duration) -> Result<()> {
    let verdict = verdict::check(ledger, seen)?;
    let unacknowledged = ledger.tried.len() - ledger.acknowledged.len();
    let reconnects: u64 = seen.iter().map(|reader| reader.reconnects).sum();
    let mut restarts = restarts.to_vec();
    restarts.sort_unstable();
    let ready = |at: Option<&Duration>| at.map_or(0, Duration::as_millis);
    println!("kill -9           {:>10}", restarts.len());
    println!(
        "ready again       {:>10} ms at the median, {} ms at most",
        ready(restarts.get(restarts.len() / 2)),
        ready(restarts.last())
    );
    println!("acknowledged      {:>10} events, all there, once, in order", ledger.acknowledged.len());
    println!("not acknowledged  {unacknowledged:>10} events, {} of them stored", verdict.unacknowledged_seen);
    println!("readers           {:>10}, which came back {reconnects} times", seen.len());
    println!("deliveries        {:>10} checked, no gap", verdict.deliveries);
    println!("caught up         {:>10.2} s after the last event", catch_up.as_secs_f64());
    Ok(())
}
