//! Benches of the release server and of the decoder on this machine. They print figures; only wrong results fail.

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
use clap::Parser;

use crate::shell;

/// One bench.
#[derive(Debug, clap::Parser)]
pub(crate) enum Bench {
    /// Memory and open files of idle subscriptions.
    IdleStreams(idle_streams::Args),
    /// Throughput of durable publishing: one publisher, many, and batches.
    Publish(publish::Args),
    /// Latency of a resume, with 1,000 and with 1,000,000 stored events.
    Resume(resume::Args),
    /// CPU time of a delivery at a steady pace, against bare writes to as many sockets.
    Fanout(fanout::Args),
    /// Maximum throughput of deliveries.
    Flood(flood::Args),
    /// Memory of stalled readers, and their effect on the latency of the others.
    Stalled(stalled::Args),
    /// The decoder against the eventsource-stream crate, on the same bytes.
    Decode(decode::Args),
    /// This server, nginx with Nchan and an Express program under the load of `sse-cli bench`. Needs npm's registry.
    Peers(peers::Args),
}

/// Command lines of all benches with tiny input. Without `peers`, which needs a package registry.
const SMALL: [&str; 7] = [
    "idle-streams --streams 50 --hold 1",
    "publish --publishers 8 --rounds 1 --seconds 0.2",
    "resume --events 5000 --few-events 100 --samples 5",
    "fanout --streams 50 --rounds 1 --seconds 0.5",
    "flood --streams 50 --seconds 0.5",
    "stalled --streams 50 --rounds 1 --seconds 0.5 --fill 1048576",
    "decode --bytes 1048576 --rounds 1 --line 16384",
];

/// Runs every bench once, so that the gate notices a broken one.
pub(crate) fn run_small() -> Result<()> {
    shell::build_server()?;
    SMALL
        .iter()
        .try_for_each(|line| measure(Bench::try_parse_from(["bench"].into_iter().chain(line.split(' ')))?))
}

/// Runs the bench in the release build of this program: readers and publishers share the machine with the server, so
/// they have to be optimised as well.
pub(crate) fn run(bench: Bench) -> Result<()> {
    if !cfg!(debug_assertions) {
        return measure(bench);
    }
    shell::run_optimised()
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
