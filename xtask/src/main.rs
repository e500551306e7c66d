//! `cargo xtask COMMAND`: the tool of this workspace. Parses the command line; each command has a module of its own.

mod alerts;
mod bench;
mod ci;
mod clients;
mod crash;
mod crowd;
mod deny;
mod dist;
mod doctor;
mod drain;
mod e2e;
mod faults;
mod flood;
mod footprint;
mod foreign_reader;
mod full_disk;
mod fuzz;
mod hostile;
mod http;
mod loss;
mod namespace;
mod package_test;
mod phase;
mod portable;
mod power_loss;
mod process;
mod proxies;
mod screenshots;
mod server;
mod shell;
mod soak;
mod tidy;
mod tools;
mod torture;
mod workload;
mod wrong_clock;

use std::process::ExitCode;

use clap::Parser;

/// Builds, tests and benches of this workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Command {
    /// Runs every check that a change must pass. CI runs this and nothing else.
    Ci,
    /// Checks the rules of the source tree: imports, sizes, words, dependencies, links. Compiles nothing.
    Tidy,
    /// Tests the pages in Chromium against the release server.
    E2e(e2e::Args),
    /// Fuzzes the codec, and what the server parses of requests. Crashing inputs are written to fuzz/artifacts.
    Fuzz(fuzz::Args),
    /// Kills the release server repeatedly while events are published and read; nothing may be lost.
    Crash(crash::Args),
    /// Kills the release server, the network and sse-cli repeatedly; the file that `tail --cursor` writes must end with
    /// every event exactly once.
    Loss(loss::Args),
    /// Closes, resets and stalls event streams at every byte of their answers; each reader must receive every event exactly
    /// once.
    Faults(faults::Args),
    /// Kills the release server before the first event of browsers and of clients from npm and PyPI; none may lose an event.
    Clients(clients::Args),
    /// Fills the disk under the release server while events are published and read. Needs root to mount a small disk.
    FullDisk,
    /// Damages the files of the log in 13 ways and starts the server on them; it refuses, or tells readers of each loss.
    Torture(torture::Args),
    /// Cuts the power of a model of the release server's disk; what was acknowledged must be there. Needs strace.
    PowerLoss(power_loss::Args),
    /// Sets the wall clock of the release server by seconds to years, running and stopped; nothing may expire or stall by it.
    WrongClock(wrong_clock::Args),
    /// Runs 16 kinds of hostile clients beside good ones; memory stays bounded, and the good ones lose nothing.
    Hostile(hostile::Args),
    /// The hostile clients of `hostile`, until stdin is closed.
    #[command(hide = true)]
    HostileClients(hostile::ClientArgs),
    /// Floods the release server from other addresses with connections, publishes and large bodies beside good clients, and kills
    /// it under many clients of one address. Needs root for network namespaces.
    Flood(flood::Args),
    /// The attackers of `flood`, until stdin is closed.
    #[command(hide = true)]
    FloodAttack(flood::AttackArgs),
    /// A server that refuses everything, for `flood` to compare with.
    #[command(hide = true)]
    FloodDummy(flood::DummyArgs),
    /// Lets subscribers come and go for many minutes; memory, files and threads must not grow.
    Soak(soak::Args),
    /// Ends the release server under thousands of subscribers while a second one takes its socket over; nobody may be refused, and
    /// nothing lost.
    Drain(drain::Args),
    /// Runs sse-cli doctor against the release server, directly and behind misconfigured nginx.
    Doctor,
    /// Checks the alert rules in docs/operations with promtool, and tests them.
    Alerts,
    /// Type-checks the workspace for Windows and macOS. Needs Debian, and root once for apt.
    Portable(portable::Args),
    /// Retakes the screenshots in docs/images.
    Screenshots,
    /// Makes the packages of a release in target/dist: Debian, tarball, npm.
    Dist(dist::Args),
    /// Installs, upgrades and purges the Debian package in a new Debian. Needs root.
    PackageTest(package_test::Args),
    /// Tests nginx, HAProxy and Caddy with the settings of docs/operations/proxies.md. Needs root.
    Proxies(proxies::Args),
    /// Checks licences, sources and bans of all dependencies (deny.toml) with cargo-deny.
    Deny,
    /// Measures the release server. Needs an otherwise idle machine.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Reads a stream with the eventsource-stream crate and prints each event as JSON, as `sse-cli tail --json` does.
    ForeignReader(foreign_reader::Args),
}

fn main() -> ExitCode {
    if let Err(error) = run(Command::parse()) {
        eprintln!("xtask: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Ci => ci::run_gate(),
        Command::Tidy => tidy::run(),
        Command::E2e(args) => e2e::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Crash(args) => crash::run(&args),
        Command::Loss(args) => loss::run(&args),
        Command::Faults(args) => faults::run(&args),
        Command::Clients(args) => clients::run(&args),
        Command::FullDisk => full_disk::run(),
        Command::Torture(args) => torture::run(&args),
        Command::PowerLoss(args) => power_loss::run(&args),
        Command::WrongClock(args) => wrong_clock::run(&args),
        Command::Hostile(args) => hostile::run(&args),
        Command::HostileClients(args) => hostile::run_clients(args),
        Command::Flood(args) => flood::run(&args),
        Command::FloodAttack(args) => flood::attack(&args),
        Command::FloodDummy(args) => flood::refuse_all(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Drain(args) => drain::run(&args),
        Command::Alerts => alerts::run(),
        Command::Doctor => doctor::run(),
        Command::Portable(args) => portable::run(&args),
        Command::Screenshots => screenshots::run(),
        Command::Dist(args) => dist::run(&args),
        Command::PackageTest(args) => package_test::run(&args),
        Command::Proxies(args) => proxies::run(&args),
        Command::Deny => deny::run(),
        Command::Bench(bench) => bench::run(bench),
        Command::ForeignReader(args) => foreign_reader::run(args),
    }
}
