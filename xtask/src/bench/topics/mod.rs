//! A million topics: time and memory to make them, throughput and latency with them against few, restarts, and topics
//! that come and go. Disk against disk; server and load share all cores.

mod args;
mod clients;
mod hub;
mod idle;
mod names;
mod publish;
mod replay;
mod restart;
mod resume;
mod target;

use std::time::Instant;

use anyhow::Result;

pub(crate) use args::Args;
use args::Step;
use hub::Hub;
use target::Target;

use super::figures::thousands;
use super::machine;

/// Bytes of memory.
const OF_A_TOPIC: Target = Target::AtMost(200.0);

pub(super) async fn run(args: Args) -> Result<()> {
    machine::print_heading();
    println!(
        "measured  {} rounds of {} s for each side, in turn; {} restarts of each kind",
        args.rounds, args.seconds, args.restarts
    );
    let has = |step| args.steps.contains(&step);
    if args.steps.iter().any(|step| step.needs_topics()) {
        with_topics(&args).await?;
    }
    if has(Step::Events) {
        restart::run_with_events(&args).await?;
    }
    if has(Step::Idle) {
        idle::run(&args).await?;
    }
    Ok(())
}

/// The steps that share the large server.
async fn with_topics(args: &Args) -> Result<()> {
    let has = |step| args.steps.contains(&step);
    let mut many = Hub::start()?;
    let old_id = many.fill(args.fill).await?;
    let before = many.settled_bytes().await?;
    let start = Instant::now();
    many.make(args.topics).await?;
    let seconds = start.elapsed().as_secs_f64();
    let after = many.settled_bytes().await?;
    let each = (after - before) / args.topics as f64;
    println!(
        "make      {} topics in {seconds:.1} s, {:.1} MB resident before, {:.1} after: {each:.0} bytes for each {}; \
         {:.1} MB on disk",
        thousands(args.topics as f64),
        before / 1e6,
        after / 1e6,
        OF_A_TOPIC.verdict(each),
        many.disk_bytes()? as f64 / 1e6
    );
    if has(Step::Restart) {
        restart::run(&mut many, args).await?;
    }
    if has(Step::Publish) {
        let few = Hub::with_topics(args.few_topics, args.fill).await?;
        publish::run(&many, &few, args).await?;
    }
    if has(Step::Resume) {
        resume::run(&many, args).await?;
    }
    if has(Step::Replay) {
        replay::run(&many, &old_id, args).await?;
    }
    Ok(())
}
