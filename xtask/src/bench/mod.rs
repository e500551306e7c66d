//! Benches of the release server and of the decoder on this machine. They print figures; only wrong results fail.

mod cores;
mod decode;
mod disk;
mod fanout;
mod figures;
mod flood;
mod foreign_server;
mod idle_streams;
mod machine;
mod own_topics;
mod peers;
mod publish;
mod publisher;
mod readers;
mod resume;
mod selectors;
mod stalled;
mod stamp;
mod storm;
mod stream;
mod tls;
mod topics;
mod users;
mod writes;

use anyhow::Result;
use clap::Parser;

use crate::shell;

/// One bench.
#[derive(Debug, clap::Parser)]
pub(crate) enum Bench {
    /// Memory, heartbeats and open files of idle subscriptions, against bare writes.
    IdleStreams(idle_streams::Args),
    /// Throughput of durable publishing: one publisher, many, and batches.
    Publish(publish::Args),
    /// Latency of a resume, with 1,000 and with 1,000,000 stored events.
    Resume(resume::Args),
    /// CPU time of a delivery at a steady pace and latency of the last subscriber, against bare writes to as many
    /// sockets.
    Fanout(fanout::Args),
    /// Maximum throughput of deliveries.
    Flood(flood::Args),
    /// CPU time of a publish when each subscriber has a topic of its own, with few and with many subscribers.
    OwnTopics(own_topics::Args),
    /// One topic for all and one for each subscriber, against equal selectors.
    Users(users::Args),
    /// Many subscribers of many selectors each, and large batches.
    Selectors(selectors::Args),
    /// Many connections at once that resume, against as many without events.
    Storm(storm::Args),
    /// Memory of stalled readers, and their effect on the latency of the others.
    Stalled(stalled::Args),
    /// A million topics: memory, restarts, publishing, resumes and lists, against few; topics that come and go.
    Topics(topics::Args),
    /// What TLS costs: memory of an idle stream and CPU time of a delivery, against plain HTTP and nginx in front.
    Tls(tls::Args),
    /// The decoder against the eventsource-stream crate, on the same bytes.
    Decode(decode::Args),
    /// This server and others under the load of `sse-cli bench`. Installs them from their registries.
    Peers(peers::Args),
    /// The bare writes that other benches compare with.
    #[command(hide = true)]
    Writes(writes::Args),
}

/// Command lines of all benches with tiny input. Without `peers`, which needs a package registry.
const SMALL: [&str; 16] = [
    "idle-streams --streams 50 --hold 2 --rounds 1",
    "publish --publishers 8 --rounds 1 --seconds 0.2",
    "resume --events 5000 --few-events 100 --samples 5",
    "fanout --streams 50 --rounds 1 --seconds 0.5",
    "fanout --streams 200 --rate 1 --rounds 1 --seconds 1",
    "flood --streams 50 --seconds 0.5",
    "own-topics --streams 10,50 --rounds 1 --seconds 0.5",
    "users --streams 50 --fill 20 --rounds 1 --seconds 0.5",
    "users --streams 20 --fill 20 --rounds 1 --seconds 0.5 --grants",
    "selectors --streams 10 --selectors 10 --batch 100 --rounds 1 --seconds 0.5",
    "storm --streams 50 --events 10 --rounds 1",
    "stalled --streams 50 --rounds 1 --seconds 0.5 --fill 1048576",
    "stalled --streams 5 --one-in 1 --rounds 1 --seconds 0.1 --line-ends",
    "topics --topics 2000 --fill 5000 --rounds 1 --seconds 0.3 --restarts 1 --samples 20 --events 30000 --event-topics \
     1000 --idle-topics 1000 --idle-seconds 1 --idle-rounds 2",
    "tls --streams 30 --rounds 1 --seconds 0.5",
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
    if !cfg!(debug_assertions) || matches!(bench, Bench::Writes(_)) {
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
        Bench::Tls(args) => tls::run(args).await,
        Bench::Decode(args) => decode::run(args).await,
        Bench::OwnTopics(args) => own_topics::run(args).await,
        Bench::Users(args) => users::run(args).await,
        Bench::Selectors(args) => selectors::run(args).await,
        Bench::Topics(args) => topics::run(args).await,
        Bench::Storm(args) => storm::run(args).await,
        Bench::Peers(args) => peers::run(&args),
        Bench::Writes(args) => writes::serve(&args),
    }
}
