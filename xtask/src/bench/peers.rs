//! This server and others, each under the same load of `sse-cli bench`, in turn in each round.

use std::any::Any;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::cores::apart;
use super::figures::median;
use super::foreign_server::{self, DURABLE_STREAM, ForeignServer};
use super::machine;
use crate::server::Server;
use crate::shell;

/// Flags of `cargo xtask bench peers`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Subscriptions on each server.
    #[arg(long, default_value_t = 1000)]
    streams: usize,
    /// Events per second.
    #[arg(long, default_value_t = 20)]
    rate: u32,
    /// Seconds for each server in each round.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Bytes of data of one event.
    #[arg(long, default_value_t = 100)]
    data_bytes: usize,
    /// Rounds; each measures every server once.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

/// The servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    /// With an fsync before an event is delivered.
    Ours,
    OursInMemory,
    /// With an fsync before an event is acknowledged.
    DurableStreams,
    Nchan,
    Express,
}

const PEERS: [Peer; 5] = [Peer::Ours, Peer::OursInMemory, Peer::DurableStreams, Peer::Nchan, Peer::Express];

/// A running server and its addresses.
struct Subject {
    stream: String,
    publish: String,
    pids: Vec<u32>,
    /// Ends when this is dropped.
    _server: Box<dyn Any>,
}

/// A row of the table: label, JSON pointer into the report, factor, unit, and the power of the blocks per event that goes
/// into the factor.
type Row = (&'static str, &'static str, f64, &'static str, i32);

const ROWS: [Row; 10] = [
    ("deliveries a second", "/deliveries/per_second", 1.0, "", -1),
    ("latency p50", "/latency_seconds/p50", 1e3, "ms", 0),
    ("latency p99", "/latency_seconds/p99", 1e3, "ms", 0),
    ("last reader p50", "/last_reader_seconds/p50", 1e3, "ms", 0),
    ("acknowledge p50", "/published/acknowledge_seconds/p50", 1e3, "ms", 0),
    ("processor a delivery", "/server/cpu_seconds_per_delivery", 1e6, "µs", 1),
    ("memory a stream", "/server/memory_per_stream_bytes", 1.0 / 1024.0, "KiB", 0),
    ("lost", "/deliveries/checked/lost", 1.0, "", 0),
    ("doubled", "/deliveries/checked/doubled", 1.0, "", 0),
    ("out of order", "/deliveries/checked/out_of_order", 1.0, "", 0),
];

pub(super) fn run(args: &Args) -> Result<()> {
    ensure!(args.rounds > 0, "there is nothing to measure in 0 rounds");
    foreign_server::need()?;
    let folder = shell::scratch_folder("bench")?;
    let mut reports = PEERS.map(|_| Vec::new());
    for round in 0..args.rounds {
        for (peer, reports) in PEERS.into_iter().zip(&mut reports) {
            // Restarted, so that its memory is that of these subscriptions.
            let subject = apart(|| peer.start(folder.path()))?;
            let output = load(&subject, args).arg("--json").output().context("cannot run sse-cli")?;
            ensure!(output.status.success(), "{}: {}", peer.name(), String::from_utf8_lossy(&output.stderr));
            reports.push(serde_json::from_slice(&output.stdout).context("sse-cli printed no report")?);
            eprintln!("round {} of {}: {}", round + 1, args.rounds, peer.name());
        }
    }
    for peer in PEERS {
        println!("\n== {}", peer.name());
        shell::run(&mut load(&apart(|| peer.start(folder.path()))?, args))?;
    }
    print_table(args, &reports);
    Ok(())
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => "sse-server",
            Self::OursInMemory => "in memory",
            Self::DurableStreams => "durable-streams",
            Self::Nchan => "nginx + Nchan",
            Self::Express => "Express",
        }
    }

    /// Blocks that a reader gets for one event.
    fn blocks(self) -> f64 {
        match self {
            // The data, then the offset.
            Self::DurableStreams => 2.0,
            _ => 1.0,
        }
    }

    fn start(self, folder: &Path) -> Result<Subject> {
        Ok(match self {
            Self::Ours => Subject::ours(Server::start(&folder.join("data"), &[])?),
            Self::OursInMemory => Subject::ours(Server::start(Path::new("off"), &[])?),
            Self::DurableStreams => {
                let read = format!("{DURABLE_STREAM}?offset=now&live=sse");
                Subject::foreign(ForeignServer::durable_streams(folder)?, &read, DURABLE_STREAM)
            }
            Self::Nchan => Subject::foreign(ForeignServer::nginx(folder)?, "/sub", "/pub"),
            Self::Express => Subject::foreign(ForeignServer::express(folder)?, "/sub", "/pub"),
        })
    }
}

impl Subject {
    fn ours(server: Server) -> Self {
        Self {
            stream: format!("http://{}/events?topic=load", server.address),
            publish: "load".to_owned(),
            pids: vec![server.pid()],
            _server: Box::new(server),
        }
    }

    fn foreign(server: ForeignServer, stream: &str, publish: &str) -> Self {
        Self {
            stream: format!("http://{}{stream}", server.address),
            publish: publish.to_owned(),
            pids: server.pids(),
            _server: Box::new(server),
        }
    }
}

/// `sse-cli bench` against this server.
fn load(subject: &Subject, args: &Args) -> Command {
    let mut command = shell::program(shell::cli_binary());
    command.args(["bench", &subject.stream, "--publish", &subject.publish, "--quiet"]);
    command.args(["--streams", &args.streams.to_string(), "--rate", &args.rate.to_string()]);
    command.args([
        "--size",
        &args.data_bytes.to_string(),
        "--duration",
        &format!("{}ms", args.seconds * 1e3),
    ]);
    for pid in &subject.pids {
        command.args(["--pid", &pid.to_string()]);
    }
    command
}

/// Medians, each with its ratio to ours.
fn print_table(args: &Args, reports: &[Vec<Value>]) {
    machine::print_heading();
    println!(
        "measured  {} rounds of {} s each, {} streams, {} events/s with {} bytes of data; medians (times the first)\n",
        args.rounds, args.seconds, args.streams, args.rate, args.data_bytes
    );
    let names = PEERS.map(|peer| format!("{:>22}", peer.name())).concat();
    println!("{:<26}{names}", "");
    for (what, pointer, factor, unit, power) in ROWS {
        let of = |(peer, reports): (Peer, &Vec<Value>)| {
            let figures: Vec<f64> =
                reports.iter().filter_map(|report| report.pointer(pointer)?.as_f64()).collect();
            median(&figures) * factor * peer.blocks().powi(power)
        };
        let figures: Vec<f64> = PEERS.into_iter().zip(reports).map(of).collect();
        let first = figures.first().copied().unwrap_or(f64::NAN);
        let cells: String = figures.iter().map(|figure| format!("{:>22}", cell(*figure, first))).collect();
        println!("{:<26}{cells}", if unit.is_empty() { what.to_owned() } else { format!("{what}, {unit}") });
    }
}

/// Without the ratio if ours is 0.
fn cell(figure: f64, first: f64) -> String {
    if first == 0.0 { format!("{figure:.2}") } else { format!("{figure:.2} ({:.2})", figure / first) }
}
