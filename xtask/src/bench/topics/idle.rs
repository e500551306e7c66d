//! Memory and disk while rounds of new topics come, and go by their idle time.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::args::Args;
use super::hub::{Hub, publish};
use super::names::{BATCH, SEGMENTS, named_lines};
use super::target::Target;
use crate::bench::figures::thousands;

/// Of the last round against the second: the first one's pages and maps are there to be used again.
const TARGET: Target = Target::AtMost(1.05);
/// Beyond the idle time, for all to go.
const DEADLINE: Duration = Duration::from_secs(120);
/// Between two looks at the number of topics.
const INTERVAL: Duration = Duration::from_millis(200);

/// What is left at the end of a round.
#[derive(Debug, Clone, Copy)]
struct Rest {
    resident: f64,
    disk: f64,
}

pub(super) async fn run(args: &Args) -> Result<()> {
    let hub = Hub::start_with(&format!("[[topic]]\npattern = \"*\"\nidle = \"{}s\"\n", args.idle_seconds))?;
    let mut rests = Vec::new();
    for round in 0..args.idle_rounds {
        let start = Instant::now();
        let made = make(&hub, round, args.idle_topics).await?;
        let full = hub.server.resident_bytes()? as f64 / 1e6;
        wait_until_gone(&hub, Duration::from_secs(args.idle_seconds) + DEADLINE).await?;
        let gone = start.elapsed().as_secs_f64();
        let rest = Rest { resident: hub.settled_bytes().await? / 1e6, disk: hub.disk_bytes()? as f64 / 1e6 };
        println!(
            "idle      round {}: {} topics made in {:.1} s, gone after {gone:.1} s; {full:.1} MB resident with them, \
             {:.1} MB resident and {:.1} MB on disk without",
            round + 1,
            thousands(args.idle_topics as f64),
            made.as_secs_f64(),
            rest.resident,
            rest.disk
        );
        rests.push(rest);
    }
    if let (Some(second), Some(last)) = (rests.get(1), rests.last()) {
        for (what, ratio) in [("memory", last.resident / second.resident), ("disk", last.disk / second.disk)]
        {
            println!("idle      {what}, last round against the second: {ratio:.2} {}", TARGET.verdict(ratio));
        }
    }
    Ok(())
}

/// Makes topics with names that no other round has.
async fn make(hub: &Hub, round: usize, count: usize) -> Result<Duration> {
    let start = Instant::now();
    let mut connection = hub.connect().await?;
    for from in (0..count).step_by(BATCH) {
        let names = from..count.min(from + BATCH);
        let batch = named_lines(names.map(|nth| format!("idle{}/{round}-{nth}", nth % SEGMENTS)));
        publish(&mut connection, &batch).await?;
    }
    Ok(start.elapsed())
}

async fn wait_until_gone(hub: &Hub, deadline: Duration) -> Result<()> {
    let start = Instant::now();
    loop {
        let left = hub.count().await?;
        if left == 0 {
            return Ok(());
        }
        ensure!(start.elapsed() < deadline, "{left} idle topics are still there");
        tokio::time::sleep(INTERVAL).await;
    }
}
