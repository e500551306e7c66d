//! The soak test: thousands of subscribers, some of which come and go, for many minutes. Memory, files and threads stay
//! the same, and every subscriber receives each event of its topics once and in order.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::LocalSet;

use crate::crowd::{Crowd, Size};
use crate::footprint::{Footprint, Recorder};
use crate::server::Server;
use crate::shell;

/// Flags of `cargo xtask soak`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Minutes before, in which retention, rings and the remembered idempotency keys fill up. The last are 100,000.
    #[arg(long, default_value_t = 10.0)]
    warm_up: f64,
    #[arg(long, default_value_t = 20.0)]
    minutes: f64,
    /// Subscribers at any time.
    #[arg(long, default_value_t = 5000)]
    subscribers: usize,
    /// Those of them that come and go.
    #[arg(long, default_value_t = 1000)]
    moving: usize,
    /// Subscribers that come, and as many that go, per second.
    #[arg(long, default_value_t = 50.0)]
    moves: f64,
    #[arg(long, default_value_t = 50)]
    topics: usize,
    /// Events per second on all topics together.
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// Most growth of memory and files from the first quarter of the time to the last, in percent.
    #[arg(long, default_value_t = 3.0)]
    max_growth: f64,
}

/// Retention that is reached during the warm-up: memory grows with the number of retained events, which is no leak.
const SETTINGS: &str = "[[topic]]\npattern = \"crowd/*\"\nretention = { count = 1000 }\n";

pub(crate) fn run(args: &Args) -> Result<()> {
    if cfg!(debug_assertions) { shell::run_optimised() } else { run_here(args) }
}

fn run_here(args: &Args) -> Result<()> {
    shell::build_server()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, test(args))
}

async fn test(args: &Args) -> Result<()> {
    let data = shell::scratch_folder("soak")?;
    let settings = data.path().join("settings.toml");
    std::fs::write(&settings, SETTINGS)?;
    // The applications publish too, and retain more than the warm-up lasts.
    let flags = ["--apps", "none", "--config", &settings.to_string_lossy()];
    let server = Rc::new(Server::start(data.path(), &flags)?);
    let size = Size {
        topics: args.topics,
        rate: args.rate,
        staying: args.subscribers.saturating_sub(args.moving),
        moving: args.moving,
        stay: Duration::from_secs_f64(args.moving as f64 / args.moves),
        source: None,
    };
    let crowd = Crowd::start(&server.address, size).await?;
    let recorder = Recorder::start(Rc::clone(&server))?;
    let minutes = |minutes: f64| Duration::from_secs_f64(minutes * 60.0);
    let (start, time) = (Instant::now() + minutes(args.warm_up), minutes(args.minutes));
    while Instant::now() < start + time {
        recorder.newest()?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (quarter, end) = (time / 4, start + time);
    let (first, last) =
        (Quarter::of(&recorder.of(start..start + quarter)), Quarter::of(&recorder.of(end - quarter..end)));
    let latencies = crowd.take_latencies();
    let outcome = crowd.finish().await?;
    outcome.print();
    let millis = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
    println!("latency           {:>10.1} ms p50, {:.1} ms p99", millis(0.5), millis(0.99));
    first.print("first quarter");
    last.print("last quarter");
    outcome.check(0)?;
    last.check(&first, args.max_growth)
}

/// Means of the samples of one quarter.
struct Quarter {
    mebibytes: f64,
    files: f64,
    threads: f64,
}

impl Quarter {
    fn of(samples: &[Footprint]) -> Self {
        let mean =
            |value: fn(&Footprint) -> f64| samples.iter().map(value).sum::<f64>() / samples.len() as f64;
        Self {
            mebibytes: mean(|sample| sample.mebibytes()),
            files: mean(|sample| sample.open_files as f64),
            threads: mean(|sample| sample.threads as f64),
        }
    }

    fn print(&self, name: &str) {
        let Self { mebibytes, files, threads } = self;
        println!("{name:<17} {mebibytes:>10.1} MiB resident, {files:.0} files open, {threads:.1} threads");
    }

    /// # Errors
    /// When something has grown by more than so many percent.
    fn check(&self, first: &Self, max_growth: f64) -> Result<()> {
        for (what, first, last) in [
            ("memory", first.mebibytes, self.mebibytes),
            ("open files", first.files, self.files),
            ("threads", first.threads, self.threads),
        ] {
            let growth = (last / first - 1.0) * 100.0;
            println!("{:<17} {growth:>+10.1} %", format!("growth, {what}"));
            ensure!(growth <= max_growth, "{what} grew by {growth:.1} %, at most {max_growth} %");
        }
        Ok(())
    }
}
