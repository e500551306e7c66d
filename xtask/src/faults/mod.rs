//! The fault test: event streams are closed, reset and stalled at every byte of their answers, and each reader receives
//! every event exactly once, in order.

mod case;
mod proxy;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use sse_client::reqwest::Client;
use tokio::sync::watch;

use crate::server::Server;
use crate::shell;
use case::{ANSWER_BYTES, Case, Reader, Shared};
use proxy::{Fault, Position};

/// Flags of `cargo xtask faults`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One fault at each byte, in turn, instead of each fault.
    #[arg(long)]
    short: bool,
}

const FAULTS: [Fault; 3] = [Fault::Close, Fault::Reset, Fault::Stall];
const READERS: [Reader; 3] = [Reader::Resumes, Reader::New, Reader::NewAndIgnoresBareIds];
/// Both ways of writing to a subscriber.
const DIRECT: [&str; 2] = ["on", "off"];
/// The chunk that ends an answer.
const END_CHUNK: &str = "0\r\n\r\n";
/// Cases at once. Most of the time they wait before they reconnect.
const AT_ONCE: usize = 300;
/// Longest wait until all have received the last event before an end.
const DEADLINE: Duration = Duration::from_secs(60);
/// Failures that are printed.
const MAX_PRINTED: usize = 10;

pub(crate) fn run(args: &Args) -> Result<()> {
    shell::build_server()?;
    rlimit::increase_nofile_limit(u64::MAX)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for direct in DIRECT {
        let data = shell::scratch_folder("faults")?;
        let test = test(args, data.path(), direct);
        runtime.block_on(test).with_context(|| format!("with SSE_DIRECT={direct}"))?;
    }
    Ok(())
}

async fn test(args: &Args, data: &Path, direct: &'static str) -> Result<()> {
    let start = Instant::now();
    let mut server = Server::start_with_env(data, ("SSE_DIRECT", direct))?;
    let shared = Shared {
        address: server.address.clone(),
        client: Client::builder().pool_max_idle_per_host(0).build()?,
        have_last: watch::Sender::new(0),
        up: watch::Sender::new(true),
    };
    let (answers, ends): (Vec<Case>, Vec<Case>) =
        cases(args.short).into_iter().partition(|case| matches!(case.position, Position::Answer(_)));
    let mut failures = run_cases(&answers, &shared).await;
    shared.up.send_replace(false);
    shared.have_last.send_replace(0);
    let restart = async {
        let all =
            async { shared.have_last.subscribe().wait_for(|count| *count == ends.len()).await.map(drop) };
        tokio::time::timeout(DEADLINE, all)
            .await
            .context("no end, because not all have the last event")??;
        server.terminate().await?;
        server.restart(data).await?;
        shared.up.send_replace(true);
        anyhow::Ok(())
    };
    let (restarted, failed) = tokio::join!(restart, run_cases(&ends, &shared));
    failures.extend(failed);
    restarted?;
    let count = answers.len() + ends.len();
    for failure in failures.iter().take(MAX_PRINTED) {
        eprintln!("{failure:#}");
    }
    ensure!(failures.is_empty(), "{} of {count} readers did not receive exactly the events", failures.len());
    println!(
        "direct {direct:3} {count:>10} connections failed, each event exactly once ({:.1} s)",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Each reader at each position with each fault; the short form with one of the faults.
fn cases(short: bool) -> Vec<Case> {
    let ends = (0..=END_CHUNK.len()).map(Position::End);
    let mut cases = Vec::new();
    for (turn, position) in (0..=ANSWER_BYTES).map(Position::Answer).chain(ends).enumerate() {
        for (nth, reader) in READERS.into_iter().enumerate() {
            let turn = (turn + nth) % FAULTS.len();
            for (_, fault) in FAULTS.into_iter().enumerate().filter(|(nth, _)| !short || *nth == turn) {
                cases.push(Case { number: cases.len(), reader, fault, position });
            }
        }
    }
    cases
}

/// Returns what failed.
async fn run_cases(cases: &[Case], shared: &Shared) -> Vec<anyhow::Error> {
    let runs = futures_util::stream::iter(cases).map(|case| case.run(shared)).buffer_unordered(AT_ONCE);
    runs.filter_map(async |outcome| outcome.err()).collect().await
}
