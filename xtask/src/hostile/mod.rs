//! The hostile test: 16 kinds of hostile clients at once beside subscribers and publishers that behave well. Memory stays
//! within its bound, the good ones keep their latency and lose nothing, and afterwards everything is given back.
//!
//! The hostile clients are a process of their own at the lowest priority: they get the processor time that server and
//! good clients leave, so what is measured is what they do to the server, and not that they share its machine.

mod attacks;
mod clients;
mod target;
mod world;

use std::fs::File;
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::{Child, Command};
use tokio::task::LocalSet;

use crate::crowd::{self, Crowd};
use crate::footprint::{Footprint, Recorder};
use crate::phase::{Phase, check, verdict};
use crate::server::Server;
use crate::shell;

pub(crate) use clients::{Args as ClientArgs, run as run_clients};

/// Flags of `cargo xtask hostile`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seconds with the hostile clients.
    #[arg(long, default_value_t = 600.0)]
    seconds: f64,
    /// Seconds before them, to compare with.
    #[arg(long, default_value_t = 60.0)]
    calm: f64,
    /// Good subscribers.
    #[arg(long, default_value_t = 1000)]
    subscribers: usize,
    /// Events per second for the good subscribers.
    #[arg(long, default_value_t = 50.0)]
    rate: f64,
    /// Number of hostile clients of each kind and size of their topics, as a multiple of the full test.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Only these kinds, by number.
    #[arg(long, value_delimiter = ',')]
    only: Vec<usize>,
    /// Most resident memory, in MiB.
    #[arg(long, default_value_t = 512.0)]
    max_memory: f64,
    /// Most p99 latency of the good subscribers, as a multiple of that before.
    #[arg(long, default_value_t = 2.0)]
    max_slowdown: f64,
    /// Most cuts of one good subscriber.
    #[arg(long, default_value_t = 1)]
    max_cuts: u64,
}

const TOPICS: usize = 10;
/// The hostile clients are stopped early at this multiple of the memory bound, before the machine runs out.
const STOP_AT: f64 = 8.0;
/// Longest wait until files and memory are given back.
const DEADLINE: Duration = Duration::from_secs(60);
/// What may remain, in files and bytes, of what the hostile clients took.
const REMAINING_FILES: usize = 10;
const REMAINING_BYTES: u64 = 64 << 20;

pub(crate) fn run(args: &Args) -> Result<()> {
    if cfg!(debug_assertions) { shell::run_optimised() } else { run_here(args) }
}

fn run_here(args: &Args) -> Result<()> {
    shell::build_server()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, test(args))
}

async fn test(args: &Args) -> Result<()> {
    let data = shell::scratch_folder("hostile")?;
    let log = data.path().join("server.log");
    let server = Rc::new(Server::start_logging(data.path(), File::create(&log)?)?);
    world::publish(&server.address, args.scale).await?;
    let size = crowd::Size {
        topics: TOPICS,
        rate: args.rate,
        staying: args.subscribers,
        moving: 0,
        stay: Duration::ZERO,
        source: None,
    };
    let crowd = Crowd::start(&server.address, size).await?;
    let recorder = Recorder::start(Rc::clone(&server))?;
    let calm = Phase::run(&crowd, &recorder, &server, args.calm, f64::INFINITY).await?;
    let before = recorder.newest()?;
    let mut clients = start_clients(args, &server.address)?;
    let hostile = Phase::run(&crowd, &recorder, &server, args.seconds, STOP_AT * args.max_memory).await;
    drop(clients.stdin.take());
    ensure!(clients.wait().await?.success(), "the hostile clients failed");
    let hostile = hostile?;
    let most = Footprint {
        resident_bytes: before.resident_bytes + REMAINING_BYTES,
        open_files: before.open_files + REMAINING_FILES,
        ..before
    };
    let given_back = recorder.until_at_most(most, DEADLINE).await;
    let after = recorder.newest()?;
    let outcome = crowd.finish().await;
    calm.print("calm");
    hostile.print("hostile");
    println!("afterwards        {:>10.0} MiB resident, {} files open", after.mebibytes(), after.open_files);
    println!("errors logged     {:>10} lines", std::fs::read_to_string(&log)?.lines().count());
    outcome.as_ref().ok().inspect(|outcome| outcome.print());
    let slowdown = hostile.p99() / calm.p99();
    println!("slowdown          {slowdown:>10.2} times the calm p99");
    verdict(&[
        hostile.check_memory(args.max_memory),
        outcome.and_then(|outcome| outcome.check(args.max_cuts)),
        check(slowdown <= args.max_slowdown, format!("p99 is {slowdown:.2} times the calm one")),
        given_back.map(drop),
    ])
}

/// The hostile clients at the lowest priority. They stop when their stdin is closed.
fn start_clients(args: &Args, address: &str) -> Result<Child> {
    let only: Vec<String> = args.only.iter().map(usize::to_string).collect();
    let mut command = Command::new("nice");
    command.args(["-n", "19"]).arg(std::env::current_exe()?).args(["hostile-clients", address]);
    command.args(["--scale", &args.scale.to_string(), "--only", &only.join(",")]);
    command.stdin(Stdio::piped()).kill_on_drop(true).spawn().context("cannot start the hostile clients")
}
