//! Where a stream ends: `--no-follow`, `--idle`, `--count`, `--wait`, `--fail-on-gap`. Waits for nothing itself.

use std::num::NonZeroU64;
use std::time::Duration;

use sse_client::Builder;
use sse_core::RecordId;

use crate::retry::RETRIED_STATUSES;
use crate::values;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Start and stop")]
pub(crate) struct EndArgs {
    /// Stop after the events that were stored when tail started
    #[arg(long)]
    pub(super) no_follow: bool,

    /// With --no-follow on a server other than sse-server: stop when no event arrives for this long
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = values::duration)]
    pub(super) idle: Duration,

    /// Stop after printing this many events
    #[arg(short = 'n', long, value_name = "N", value_parser = values::positive::<NonZeroU64>)]
    pub(super) count: Option<NonZeroU64>,

    /// How long to retry while the server cannot be reached, or answers 429, 502, 503 or 504. Without it, tail retries
    /// for ever when the server cannot be reached, and stops at such an answer
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(super) wait: Option<Duration>,

    /// Stop with exit code 10 when events are lost: the server reports a gap, or an event is too large
    #[arg(long)]
    pub(super) fail_on_gap: bool,
}

/// When to stop reading a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Never,
    /// With its connection: the request must not be repeated.
    Connection,
    /// With its connection, or when no event has arrived for this long.
    Silence(Duration),
    /// After this id.
    Id(RecordId),
}

/// Is the id at the end (`Some(false)`) or past it (`Some(true)`)? `None`: before it. Seqs go on over the epochs of a hub.
pub(super) fn reached(id: &str, end: RecordId) -> Option<bool> {
    let id: RecordId = id.parse().ok()?;
    (id.seq >= end.seq).then_some(id.seq > end.seq)
}

/// Is there nothing between the id and the end? Of another epoch, only the hub can tell.
pub(super) fn is_reached_by(id: &str, end: RecordId) -> bool {
    id.parse().is_ok_and(|id: RecordId| id.epoch == end.epoch) && reached(id, end).is_some()
}

/// Applies `--wait`: temporary statuses are retried, and there are several attempts within the time.
pub(super) fn with_wait(builder: Builder, wait: Duration) -> Builder {
    let max_delay = (wait / 8).clamp(Duration::from_secs(1), Duration::from_secs(30));
    builder
        .retry_statuses(RETRIED_STATUSES)
        .max_reconnect_delay(max_delay)
        .max_retry_after(wait.max(max_delay))
}
