//! Memory and files of idle subscriptions, and whether the server frees them after a disconnect.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::{machine, stream};
use crate::server::Server;
use crate::shell;

/// Flags of `cargo xtask bench idle-streams`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Subscriptions to open.
    #[arg(long, default_value_t = 1000)]
    streams: usize,
    /// Seconds to hold them open.
    #[arg(long, default_value_t = 60)]
    hold: u64,
}

/// Nobody publishes to this topic.
const QUIET: &str = "/events?topic=quiet";
/// The server's default. A disconnect has to be noticed within one.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Subscriptions opened and closed before measuring, so that one-time allocations do not count.
const WARM_UP_STREAMS: usize = 20;

pub(super) async fn run(args: Args) -> Result<()> {
    let data = shell::scratch_folder("bench")?;
    let server = Server::start(data.path(), &[])?;
    drop(stream::open_many(&server.address, QUIET, WARM_UP_STREAMS).await?);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let files = server.open_files()?;
    let memory = server.resident_bytes()?;

    let streams = stream::open_many(&server.address, QUIET, args.streams).await?;
    ensure!(server.open_files()? >= files + args.streams, "a stream has no open file");
    tokio::time::sleep(Duration::from_secs(args.hold)).await;
    let held = server.resident_bytes()?;
    ensure!(server.open_files()? >= files + args.streams, "a stream was cut");
    drop(streams);
    let freed = files_back(&server, files).await?;

    let each = (held.saturating_sub(memory)) as f64 / args.streams as f64 / 1024.0;
    machine::print_heading();
    println!("idle streams      {:>10}, held for {} s", args.streams, args.hold);
    println!(
        "resident memory   {:>10.1} KiB each ({} KiB before, {} KiB held)",
        each,
        memory >> 10,
        held >> 10
    );
    println!(
        "open files        {files:>10} before, the same again {:.2} s after the cut",
        freed.as_secs_f64()
    );
    Ok(())
}

/// Waits until the server has as few files open as before.
async fn files_back(server: &Server, before: usize) -> Result<Duration> {
    let start = Instant::now();
    loop {
        let now = server.open_files()?;
        if now <= before {
            return Ok(start.elapsed());
        }
        if start.elapsed() > HEARTBEAT {
            bail!("{now} files are open {HEARTBEAT:?} after the cut, {before} were before");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
