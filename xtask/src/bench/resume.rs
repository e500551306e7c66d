//! Latency of a resume: request to first event, with a small and with a large log.

use std::time::Instant;

use anyhow::{Context, Result};

use super::figures::{percentile, thousands};
use super::{machine, stream};
use crate::http::Connection;
use crate::server::Server;
use crate::shell;

/// Flags of `cargo xtask bench resume`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Events in the large log.
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    /// Events in the small log.
    #[arg(long, default_value_t = 1_000)]
    few_events: usize,
    /// Resumes, one after the other, for each log and selector.
    #[arg(long, default_value_t = 500)]
    samples: usize,
}

/// A topic retains 100,000 events by default, so the large log needs several.
const TOPICS: usize = 16;
const BATCH: usize = 1000;
/// Events after the id that readers resume from.
const MISSED: usize = 10;
/// Occurs only in the data of the missed events.
const MARK: &str = "missed";
/// One topic, and all of them.
const SELECTORS: [&str; 2] = ["bench/0", "bench/*"];

/// A server with its log, and the id to resume from.
struct Subject {
    server: Server,
    id: String,
    events: usize,
    _data: tempfile::TempDir,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let small = Subject::new(args.few_events).await?;
    let large = Subject::new(args.events).await?;
    machine::print_heading();
    println!(
        "measured  request to first event byte, {} resumes {MISSED} events before the end",
        args.samples
    );
    for selector in SELECTORS {
        let (mut of_small, mut of_large) = (Vec::new(), Vec::new());
        for _ in 0..args.samples {
            of_small.push(small.resume(selector).await?);
            of_large.push(large.resume(selector).await?);
        }
        for (subject, micros) in [(&small, &of_small), (&large, &of_large)] {
            let (p50, p99) = (percentile(micros, 50.0), percentile(micros, 99.0));
            let events = thousands(subject.events as f64);
            println!("topic={selector:<9} {events:>9} stored  p50 {p50:>6.0} µs, p99 {p99:>6.0} µs");
        }
        let ratio = |percent| percentile(&of_large, percent) / percentile(&of_small, percent);
        println!("topic={selector:<9} ratio             p50 {:.2}, p99 {:.2}", ratio(50.0), ratio(99.0));
    }
    Ok(())
}

impl Subject {
    async fn new(events: usize) -> Result<Self> {
        let data = shell::scratch_folder("bench")?;
        let server = Server::start(data.path(), &[])?;
        let mut connection = Connection::open(&server.address).await?;
        for (nth, from) in (0..events - MISSED).step_by(BATCH).enumerate() {
            let count = BATCH.min(events - MISSED - from);
            let batch = format!("{{\"data\":\"{}\"}}\n", "x".repeat(200)).repeat(count);
            connection.publish_batch(&format!("bench/{}", nth % TOPICS), batch.as_bytes()).await?;
        }
        let mut ids = Vec::new();
        for _ in 0..MISSED {
            ids.push(connection.publish("bench/0", MARK.as_bytes()).await?);
        }
        let first = ids.into_iter().next().context("nothing was missed")?;
        Ok(Self { server, id: before(&first)?, events, _data: data })
    }

    /// Microseconds from the request to the first event, on a connection that is already open.
    async fn resume(&self, selector: &str) -> Result<f64> {
        let mut reader = stream::connect(&self.server.address).await?;
        let path = format!("/events?topic={selector}");
        let start = Instant::now();
        let header = format!("Last-Event-ID: {}\r\n", self.id);
        stream::request(&mut reader, &self.server.address, &path, &header).await?;
        stream::read_until(&mut reader, MARK.as_bytes()).await?;
        Ok(start.elapsed().as_secs_f64() * 1e6)
    }
}

/// The preceding id.
fn before(id: &str) -> Result<String> {
    let mut id: sse_core::RecordId = id.parse()?;
    id.seq -= 1;
    Ok(id.to_string())
}
