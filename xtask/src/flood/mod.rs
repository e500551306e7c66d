//! The flood: one address makes thousands of connections and publishes a second, others send large bodies that never end, beside
//! subscribers and publishers of other addresses that behave well. The good ones are never refused, and no slower than beside the
//! same attack on a server that refuses everything. Then, clients of one address that come back at once.

mod attack;
mod dummy;
mod herd;
mod network;

use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::LocalSet;

use crate::crowd::{self, Crowd};
use crate::footprint::Recorder;
use crate::phase::{Phase, check, verdict};
use crate::server::{Server, Setup};
use crate::shell;

pub(crate) use attack::{Args as AttackArgs, run as attack};
pub(crate) use dummy::{Args as DummyArgs, run as refuse_all};
use network::Network;

/// Flags of `cargo xtask flood`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Rounds; each floods both servers in turn.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds of each flood.
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// Good subscribers, and clients that come back at once.
    #[arg(long, default_value_t = 1000)]
    subscribers: usize,
    /// Events per second for the good subscribers.
    #[arg(long, default_value_t = 50.0)]
    rate: f64,
    /// Most resident memory, in MiB.
    #[arg(long, default_value_t = 512.0)]
    max_memory: f64,
    /// Most p99 latency of the good subscribers, as a multiple of that beside the dummy.
    #[arg(long, default_value_t = 2.0)]
    max_slowdown: f64,
    /// Name of the server's namespace, in the process that is in the clients' one.
    #[arg(long, hide = true)]
    server_namespace: Option<String>,
}

/// Ten, each with a publisher.
const TOPICS: usize = 10;
/// The flood is stopped early at this multiple of the memory bound, before the machine runs out.
const STOP_AT: f64 = 8.0;
/// More than one office has.
const SETTINGS: &str = "[limits]\nconnections_per_address = 2000\n";

pub(crate) fn run(args: &Args) -> Result<()> {
    if let Some(namespace) = &args.server_namespace {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        return LocalSet::new().block_on(&runtime, test(args, namespace));
    }
    if cfg!(debug_assertions) && !shell::names_server() {
        return shell::run_optimised();
    }
    shell::build_server()?;
    let network = Network::create()?;
    let [ip, words @ ..] = network::inside(&network.clients);
    let mut inside = shell::program(ip);
    inside.args(words).arg(std::env::current_exe()?).args(std::env::args_os().skip(1));
    shell::run(inside.args(["--server-namespace", &network.server]))
}

async fn test(args: &Args, namespace: &str) -> Result<()> {
    let data = shell::scratch_folder("flood")?;
    let setup = |args: &[&str]| Setup {
        args: [&["--open", "--apps", "none"][..], args].concat().into_iter().map(str::to_owned).collect(),
        wrapper: network::inside(namespace).map(str::to_owned).to_vec(),
        ..Setup::default()
    };
    let flooded = flood(args, &data, namespace, setup(&[])).await;
    let settings = data.path().join("hub.toml");
    std::fs::write(&settings, SETTINGS)?;
    let settings = settings.display().to_string();
    let herd =
        herd::run(args.subscribers, &data.path().join("herd"), || setup(&["--config", &settings])).await;
    verdict(&[flooded, herd])
}

async fn flood(args: &Args, data: &TempDir, namespace: &str, setup: Setup) -> Result<()> {
    let listen = format!("{}:0", network::SERVER);
    let server = Rc::new(Server::start_at(&listen, &data.path().join("flood"), setup)?);
    let (_dummy, dummy) = start_dummy(namespace).await?;
    let size = crowd::Size {
        topics: TOPICS,
        rate: args.rate,
        staying: args.subscribers,
        moving: 0,
        stay: Duration::ZERO,
        source: Some(network::client),
    };
    let crowd = Crowd::start(&server.address, size).await?;
    let recorder = Recorder::start(Rc::clone(&server))?;
    let stop_at = STOP_AT * args.max_memory;
    let phase = async |kind: &str, target: &str, name: &str| {
        let attack = start_attack(kind, target)?;
        let phase = Phase::run(&crowd, &recorder, &server, args.seconds, stop_at).await?;
        phase.print(name);
        stop(attack).await?;
        anyhow::Ok(phase)
    };
    let (mut slowdowns, mut checks) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        let beside = phase("requests", &dummy, "beside").await?;
        let flooded = phase("requests", &server.address, "flooded").await?;
        slowdowns.push(flooded.p99() / beside.p99());
        checks.push(flooded.check_memory(args.max_memory));
    }
    slowdowns.sort_unstable_by(f64::total_cmp);
    let slowdown = slowdowns.get(slowdowns.len() / 2).context("no rounds")?;
    println!("slowdown          {slowdown:>10.2} times the p99 beside the dummy (rounds {slowdowns:.2?})");
    checks.push(check(
        *slowdown <= args.max_slowdown,
        format!("p99 is {slowdown:.2} times that beside the dummy"),
    ));
    checks.push(phase("bodies", &server.address, "large bodies").await?.check_memory(args.max_memory));
    let outcome = crowd.finish().await?;
    outcome.print();
    checks.extend([outcome.check_publishers(), outcome.check(0)]);
    verdict(&checks)
}

/// The attackers, at the lowest priority. They stop when their stdin is closed.
fn start_attack(kind: &str, target: &str) -> Result<Child> {
    let mut command = Command::new("nice");
    command.args(["-n", "19"]).arg(std::env::current_exe()?).args(["flood-attack", kind, target]);
    command.stdin(Stdio::piped()).kill_on_drop(true).spawn().context("cannot start the attackers")
}

async fn stop(mut attack: Child) -> Result<()> {
    drop(attack.stdin.take());
    ensure!(attack.wait().await?.success(), "the attackers failed");
    Ok(())
}

/// A server that refuses everything, where the other one is too, and its address.
async fn start_dummy(namespace: &str) -> Result<(Child, String)> {
    let [ip, words @ ..] = network::inside(namespace);
    let mut command = Command::new(ip);
    command
        .args(words)
        .arg(std::env::current_exe()?)
        .args(["flood-dummy", &format!("{}:0", network::SERVER)]);
    let mut dummy =
        command.stdout(Stdio::piped()).kill_on_drop(true).spawn().context("cannot start the dummy")?;
    let mut lines = BufReader::new(dummy.stdout.take().context("no stdout")?).lines();
    let address = lines.next_line().await?.context("the dummy ended")?;
    Ok((dummy, address))
}
