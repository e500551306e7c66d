//! The log that a server keeps: in its data folder, which a predecessor may still have, or in memory.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use sse_hub::{DiskLog, Log, MemoryLog, OpenError, Policies};
use tokio::time::{Instant, sleep};

use crate::config::DataDir;
use crate::shutdown_signal::ShutdownSignal;

/// How long a predecessor that is stopping may hold the log, and how often it is asked for.
const WAIT: Duration = Duration::from_secs(20);
const RETRY: Duration = Duration::from_millis(20);

/// Opens the log. Waits for a predecessor that is stopping.
///
/// # Errors
/// When it cannot be used, or a signal comes first.
pub(crate) async fn open_log(
    data_dir: &DataDir,
    policies: Policies,
    signal: &mut ShutdownSignal,
) -> anyhow::Result<Arc<dyn Log>> {
    let DataDir::Folder(folder) = data_dir else {
        tracing::warn!("--data-dir off: every event is gone with the process");
        return Ok(Arc::new(MemoryLog::new(policies)));
    };
    let start = Instant::now();
    let mut opened = DiskLog::open(folder, policies.clone());
    if matches!(opened, Err(OpenError::InUse)) {
        tracing::info!(folder = %folder.display(), "another process uses the log; waiting for its end");
    }
    while matches!(opened, Err(OpenError::InUse)) && start.elapsed() < WAIT {
        tokio::select! {
            () = sleep(RETRY) => opened = DiskLog::open(folder, policies.clone()),
            signal = signal.recv() => bail!("ended by {signal} while it waited for the log"),
        }
    }
    let log = opened.with_context(|| format!("cannot keep the log in {} (--data-dir)", folder.display()))?;
    Ok(Arc::new(log))
}
