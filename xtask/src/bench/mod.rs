//! Measurements of the release server, and of the decoder, on this machine. Figures, not tests: only correctness fails a bench.

mod decode;
mod disk;
mod fanout;
mod figures;
mod flood;
mod foreign_server;
mod idle_streams;
mod machine;
mod peers;
mod publish;
mod readers;
mod resume;
mod stalled;
mod stamp;
mod stream;
mod writes;

use anyhow::Result;

use crate::shell;

/// One bench.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Bench {
    /// Memory and open files of streams on which nothing happens.
    IdleStreams(idle_streams::Args),
    /// Durable events a second: one publisher, many, and batches.
    Publish(publish::Args),
    /// Time to the first event of a reader that comes back, with 1,000 and with 1,000,000 stored events.
    Resume(resume::Args),
    /// Processor time for each delivery at a steady pace, against bare writes to as many sockets.
    Fanout(fanout::Args),
    /// Deliveries a second when events come as fast as the server can deliver them.
    Flood(flood::Args),
    /// What readers that have stopped reading do to the latency of the others.
    Stalled(stalled::Args),
    /// The decoder against the eventsource-stream crate, on the same bytes.
    Decode(decode::Args),
    /// This server beside nginx with Nchan and an Express program, under the load of `sse-cli bench`. Needs npm's registry.
    Peers(peers::Args),
}

/// Every bench with tiny input, so that the gate can see that they still work. Not the one of the peers, which needs a
/// registry of packages.
pub(crate) fn run_small() -> Result<()> {
    shell::build_server()?;
    for bench in [
        Bench::IdleStreams(idle_streams::Args { streams: 50, hold: 1 }),
        Bench::Publish(publish::Args { publishers: 8, rounds: 1, seconds: 0.2 }),
        Bench::Resume(resume::Args { events: 5_000, few_events: 100, samples: 5 }),
        Bench::Fanout(fanout::Args { streams: 50, rounds: 1, seconds: 0.5, ..fanout::Args::default() }),
        Bench::Flood(flood::Args { streams: 50, seconds: 0.5, ..flood::Args::default() }),
        Bench::Stalled(stalled::Args {
            streams: 50,
            rounds: 1,
            seconds: 0.5,
            fill: 1 << 20,
            ..stalled::Args::default()
        }),
        Bench::Decode(decode::Args { bytes: 1 << 20, rounds: 1, line: 16 << 10 }),
    ] {
        measure(bench)?;
    }
    Ok(())
}

/// Measures. Readers and publishers share the machine with the server, so they have to be optimised as well: this
/// program runs its release build.
pub(crate) fn run(bench: Bench) -> Result<()> {
    if !cfg!(debug_assertions) {
        return measure(bench);
    }
    shell::build_release()?;
    let mut optimised = shell::program(shell::release_binary("xtask"));
    shell::run(optimised.args(std::env::args_os().skip(1)))
}

#[tokio::main(flavor = "current_thread")]
async fn measure(bench: Bench) -> Result<()> {
    match bench {
        Bench::IdleStreams(args) => idle_streams::run(args).await,
        Bench::Publish(args) => publish::run(args).await,
        Bench::Resume(args) => resume::run(args).await,
        Bench::Fanout(args) => fanout::run(args).await,
        Bench::Flood(args) => flood::run(args).await,
        Bench::Stalled(args) => stalled::run(args).await,
        Bench::Decode(args) => decode::run(args).await,
        Bench::Peers(args) => peers::run(&args),
    }
}
