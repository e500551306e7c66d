//! Latency of publishing at a steady pace while clients replay and list, against without them.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::args::Args;
use super::clients::{Clients, KINDS, NAMES, Source};
use super::hub::Hub;
use super::names::{DATA, name};
use super::target::Target;
use crate::bench::figures::{median, percentile, ratios, spread};

const TARGET: Target = Target::AtMost(1.5);

pub(super) async fn run(hub: &Hub, old_id: &str, args: &Args) -> Result<()> {
    let source =
        Source { address: hub.server.address.clone(), topics: hub.topics, old_id: old_id.to_owned() };
    let (mut without, mut with, mut answers) = (Vec::new(), Vec::new(), [0; KINDS]);
    // The first round fills caches.
    for round in 0..=args.rounds {
        let alone = latencies(hub, args).await?;
        let clients = Clients::start(args.clients, source.clone())?;
        let beside = latencies(hub, args).await?;
        let answered = clients.stop()?;
        if round > 0 {
            without.push(alone);
            with.push(beside);
            answers.iter_mut().zip(answered).for_each(|(all, count)| *all += count);
        }
    }
    let time = f64::from(args.rounds) * args.seconds;
    let per_second =
        NAMES.iter().zip(answers).map(|(name, count)| format!("{:.1} {name}", count as f64 / time));
    println!("replay    {} clients a second: {}", args.clients, per_second.collect::<Vec<_>>().join(", "));
    for (name, percent, target) in [("p50", 50.0, None), ("p99", 99.0, Some(TARGET))] {
        let of = |rounds: &[Vec<f64>]| Vec::from_iter(rounds.iter().map(|round| percentile(round, percent)));
        let (without, with) = (of(&without), of(&with));
        let ratios = ratios(&with, &without);
        println!(
            "replay    publish {name}, {} a second: {:.2} ms with these clients, {:.2} without, ratio {}{}",
            args.rate,
            median(&with),
            median(&without),
            spread(&ratios),
            target.map(|target| format!(" {}", target.verdict(median(&ratios)))).unwrap_or_default()
        );
    }
    Ok(())
}

/// Milliseconds from when an event was due to be published until its response. Only the wait for a timer does not count.
async fn latencies(hub: &Hub, args: &Args) -> Result<Vec<f64>> {
    let mut connection = hub.connect().await?;
    let (interval, start) = (Duration::from_secs(1) / args.rate, Instant::now());
    let mut millis = Vec::new();
    for nth in 0..(args.seconds * f64::from(args.rate)).ceil() as u32 {
        let due = start + interval * nth;
        let is_late = Instant::now() > due;
        tokio::time::sleep_until(due.into()).await;
        let topic = name(fastrand::usize(..hub.topics));
        let request = connection.request(&topic, "text/plain", DATA.as_bytes());
        let sent = if is_late { due } else { Instant::now() };
        connection.send_prepared(&request).await?;
        millis.push(sent.elapsed().as_secs_f64() * 1e3);
    }
    Ok(millis)
}
