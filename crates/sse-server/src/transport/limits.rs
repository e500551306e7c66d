//! What connections may take, and how long.

use std::time::Duration;

/// Bytes of a request head that do not count towards the memory limit, since nearly every request has so many.
pub(super) const SMALL_HEAD_BYTES: usize = 4 << 10;

/// Of every connection of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Longest silence on an event stream; `None` is no limit.
    pub(crate) heartbeat: Option<Duration>,
    /// How long a write may wait for a peer that does not read.
    pub(crate) write_timeout: Duration,
    /// How long a request head may take, from its first byte on.
    pub(crate) head_timeout: Duration,
    /// How long a connection may be idle between two requests.
    pub(crate) keep_alive: Duration,
    /// Event streams take over their socket where they can.
    pub(crate) direct: bool,
}

impl Limits {
    /// 5 s.
    pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
}
