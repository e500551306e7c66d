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
    let published = |rounds: &[Vec<f64>]| rounds.iter().map(Vec::len).sum::<usize>() as f64 / time;
    println!(
        "replay    publisher: {:.0} events/s with these clients, {:.0} without, {} wanted",
        published(&with),
        published(&without),
        args.rate
    );
    for (name, percent, target) in [("p50", 50.0, None), ("p99", 99.0, Some(TARGET))] {
        let of = |rounds: &[Vec<f64>]| Vec::from_iter(rounds.iter().map(|round| percentile(round, percent)));
        let (without, with) = (of(&without), of(&with));
        let ratios = ratios(&with, &without);
        println!(
            "replay    publish {name}: {:.2} ms with these clients, {:.2} without, ratio {}{}",
            median(&with),
            median(&without),
            spread(&ratios),
            target.map(|target| format!(" {}", target.verdict(median(&ratios)))).unwrap_or_default()
        );
    }
    Ok(())
}

/// Milliseconds from each request to its response. An event that is due before the response to the one before it is
/// left out.
async fn latencies(hub: &Hub, args: &Args) -> Result<Vec<f64>> {
    let mut connection = hub.connect().await?;
    let interval = Duration::from_secs(1) / args.rate;
    let end = Instant::now() + Duration::from_secs_f64(args.seconds);
    let (mut due, mut millis) = (Instant::now(), Vec::new());
    while due < end {
        tokio::time::sleep_until(due.into()).await;
        let topic = name(fastrand::usize(..hub.topics));
        let request = connection.request(&topic, "text/plain", DATA.as_bytes());
        let sent = Instant::now();
        connection.send_prepared(&request).await?;
        millis.push(sent.elapsed().as_secs_f64() * 1e3);
        due = Instant::now().max(due + interval);
    }
    Ok(millis)
}
