//! Time from the start of a server to its first answer, after a kill and after a clean stop, and its memory then.

use anyhow::Result;

use super::args::Args;
use super::hub::{End, Hub, publish};
use super::names::{BATCH, lines};
use super::target::Target;
use crate::bench::figures::{median, thousands};

const SECONDS: Target = Target::AtMost(3.0);
/// With many events in each topic.
const EVENTS_MEGABYTES: Target = Target::AtMost(250.0);

/// The figures of one kind of end, one for each restart.
#[derive(Debug, Default)]
struct Restarts {
    seconds: Vec<f64>,
    /// Of processor until then.
    cpu_seconds: Vec<f64>,
    megabytes: Vec<f64>,
    /// The most since the start.
    peaks: Vec<f64>,
}

/// With an event in each topic.
pub(super) async fn run(hub: &mut Hub, args: &Args) -> Result<()> {
    measure(hub, args.restarts, None).await
}

/// With many events in each topic, on a server of its own.
pub(super) async fn run_with_events(args: &Args) -> Result<()> {
    let mut hub = Hub::start()?;
    hub.make(args.event_topics).await?;
    let start = std::time::Instant::now();
    let (mut connection, mut random) = (hub.connect().await?, fastrand::Rng::with_seed(1));
    let mut left = args.events.saturating_sub(args.event_topics);
    while left > 0 {
        let count = left.min(BATCH);
        publish(&mut connection, &lines((0..count).map(|_| random.usize(..hub.topics)))).await?;
        left -= count;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "events    {} in {} topics made in {seconds:.1} s; {:.0} MB resident, {:.0} MB on disk",
        thousands(args.events as f64),
        thousands(hub.topics as f64),
        hub.settled_bytes().await? / 1e6,
        hub.disk_bytes()? as f64 / 1e6
    );
    measure(&mut hub, args.restarts, Some(EVENTS_MEGABYTES)).await
}

async fn measure(hub: &mut Hub, restarts: u32, megabytes: Option<Target>) -> Result<()> {
    let (mut kills, mut stops) = (Restarts::default(), Restarts::default());
    let mut random = fastrand::Rng::with_seed(2);
    for _ in 0..restarts {
        // So that a killed server leaves something to recover.
        let batch = lines((0..BATCH).map(|_| random.usize(..hub.topics)));
        publish(&mut hub.connect().await?, &batch).await?;
        kills.add(hub, End::Kill).await?;
        stops.add(hub, End::Stop).await?;
    }
    for (what, of) in [("kill -9", &kills), ("a clean stop", &stops)] {
        let (seconds, resident) = (median(&of.seconds), median(&of.megabytes));
        println!(
            "restart   {seconds:.2} s from the start to the first answer after {what} {}, {:.2} s of processor; \
             {resident:.0} MB resident{}, {:.0} at most before",
            SECONDS.verdict(seconds),
            median(&of.cpu_seconds),
            megabytes.map(|target| format!(" {}", target.verdict(resident))).unwrap_or_default(),
            median(&of.peaks)
        );
    }
    Ok(())
}

impl Restarts {
    async fn add(&mut self, hub: &mut Hub, end: End) -> Result<()> {
        self.seconds.push(hub.restart(end).await?.as_secs_f64());
        self.cpu_seconds.push(hub.server.cpu_time()?.as_secs_f64());
        self.megabytes.push(hub.server.resident_bytes()? as f64 / 1e6);
        self.peaks.push(hub.server.peak_resident_bytes()? as f64 / 1e6);
        Ok(())
    }
}
