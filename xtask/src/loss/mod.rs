//! The loss test: the hub, the network and the CLI are killed at random while publishers publish, and the file that
//! `sse-cli tail --cursor --output` appends to ends with every event exactly once, in order.

mod kills;
mod proxy;
mod tail;

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::{JoinSet, LocalSet};

use crate::server::Server;
use crate::shell;
use crate::workload::{Delivery, Ledger, Publisher, Received, Shared, TOPICS, audit, publish_ends};
use kills::Kills;
use proxy::Proxy;
use tail::Tail;

/// Flags of `cargo xtask loss`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Number of kills: hub, network and CLI equally often, in random order.
    #[arg(long, default_value_t = 50)]
    kills: usize,
    /// Publishers, each waiting for its acknowledgement.
    #[arg(long, default_value_t = 16)]
    publishers: usize,
    /// Longest time between two kills, in seconds.
    #[arg(long, default_value_t = 4.0)]
    life: f64,
    /// Mean pause of a publisher after each event, in milliseconds.
    #[arg(long, default_value_t = 10.0)]
    pause: f64,
}

impl Args {
    /// The short form of the gate.
    pub(crate) fn short() -> Self {
        Self { kills: 12, publishers: 16, life: 1.5, pause: 10.0 }
    }
}

/// Longest wait until the last event is in the file.
const READ_DEADLINE: Duration = Duration::from_secs(90);
/// Longest wait for the events that publishers have begun to send, and for the last event of each topic.
const PUBLISH_DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn run(args: &Args) -> Result<()> {
    shell::build_server_and_cli()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let data = shell::scratch_folder("loss")?;
    LocalSet::new().block_on(&runtime, test(args, data.path()))
}

async fn test(args: &Args, folder: &Path) -> Result<()> {
    let server = Server::start(&folder.join("hub"), &[])?;
    let proxy = Proxy::start(server.address.clone()).await?;
    let tail = Tail::start(&proxy.address, folder)?;
    let shared = Rc::new(Shared::default());
    let mut publishers = JoinSet::new();
    for number in 0..args.publishers {
        let publisher = Publisher {
            number,
            address: proxy.address.clone(),
            delivery: Delivery::AtLeastOnce,
            max_burst: 1,
            pause: Duration::from_secs_f64(args.pause / 1e3),
            shared: Rc::clone(&shared),
        };
        publishers.spawn_local(publisher.run());
    }
    let mut kills = Kills { server, data: folder.join("hub"), proxy, tail, done: Vec::new() };
    kills.run(args.kills, args.life).await?;
    shared.stop.set(true);
    let mut ledger = Ledger::default();
    let last = async {
        while let Some(done) = publishers.join_next().await {
            ledger.add(done?);
        }
        ledger.add(publish_ends(&kills.proxy.address).await);
        anyhow::Ok(())
    };
    tokio::time::timeout(PUBLISH_DEADLINE, last).await.context("the last events are not acknowledged")??;
    let start = Instant::now();
    let events = kills.tail.events_up_to_last(READ_DEADLINE).await?;
    kills.tail.kill()?;
    audit(&ledger, &[Received { reader: "the file".to_owned(), topics: (0..TOPICS).collect(), events }])?;
    report(&ledger, &kills, start.elapsed());
    Ok(())
}

fn report(ledger: &Ledger, kills: &Kills, catch_up: Duration) {
    let proxy = kills.proxy.counts();
    println!("killed            {:>10} times: {}", kills.done.len(), kills.summary());
    println!("events            {:>10}, each exactly once in the file, in order", ledger.acknowledged.len());
    println!("retried           {:>10} times by the publishers, under the same keys", ledger.retries);
    println!(
        "CLI killed        {:>10} times with output past its cursor, {} bytes at most",
        kills.tail.kills_past_cursor, kills.tail.max_bytes_past_cursor
    );
    println!(
        "network           {:>10} connections, {} of them cut, {} stalls, {} writes",
        proxy.connections, proxy.cut, proxy.stalls, proxy.writes
    );
    println!("caught up         {:>10.2} s after the last event", catch_up.as_secs_f64());
}
