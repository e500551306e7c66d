//! Connections that carry a subscription: how many were opened, over what, and why they closed.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::counters::Counters;

/// What carries a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Transport {
    Http1,
    Http1Tls,
    Http1Unix,
    Http2,
    Http2Tls,
    Http2Unix,
}

/// Why a connection closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// Its peer closed it, or is gone.
    Client,
    /// All of its topics are closed.
    Ended,
    /// The token expired.
    Expired,
    /// The token's session ended, or its subject was revoked.
    SignedOut,
    /// Retention has removed what a slow consumer had not been given.
    SlowConsumer,
    /// Its peer did not read for as long as a write may wait.
    WriteTimeout,
    /// The memory limit was reached.
    Memory,
    /// The log could not be read.
    Log,
    /// The server stops.
    Shutdown,
}

impl Transport {
    /// Each with its name.
    pub const ALL: [(Self, &str); 6] = [
        (Self::Http1, "http1"),
        (Self::Http1Tls, "http1_tls"),
        (Self::Http1Unix, "http1_unix"),
        (Self::Http2, "http2"),
        (Self::Http2Tls, "http2_tls"),
        (Self::Http2Unix, "http2_unix"),
    ];
}

impl CloseReason {
    /// Each with its name.
    pub const ALL: [(Self, &str); 9] = [
        (Self::Client, "client"),
        (Self::Ended, "ended"),
        (Self::Expired, "expired"),
        (Self::SignedOut, "signed_out"),
        (Self::SlowConsumer, "slow_consumer"),
        (Self::WriteTimeout, "write_timeout"),
        (Self::Memory, "memory"),
        (Self::Log, "log"),
        (Self::Shutdown, "shutdown"),
    ];
}

/// Those of each transport, in the order of [`Transport::ALL`].
#[derive(Debug, Default)]
pub struct ConnectionCounts([OfTransport; Transport::ALL.len()]);

#[derive(Debug, Default)]
struct OfTransport {
    opened: AtomicU64,
    /// In the order of [`CloseReason::ALL`].
    closed: [AtomicU64; CloseReason::ALL.len()],
}

impl ConnectionCounts {
    /// How many were opened.
    pub fn opened(&self, transport: Transport) -> u64 {
        self.of(transport).map_or(0, |of| Counters::get(&of.opened))
    }

    /// How many have closed, by their reasons in the order of [`CloseReason::ALL`].
    pub fn closed(&self, transport: Transport) -> [u64; CloseReason::ALL.len()] {
        self.of(transport).map_or_else(Default::default, |of| of.closed.each_ref().map(Counters::get))
    }

    fn of(&self, transport: Transport) -> Option<&OfTransport> {
        self.0.get(transport as usize)
    }
}

/// Counts as one open connection as long as it lives.
#[derive(Debug)]
pub struct ConnectionCount {
    counters: Arc<Counters>,
    transport: Transport,
    reason: Cell<CloseReason>,
}

impl Counters {
    /// Counts one more open connection until the result is dropped.
    pub fn open_connection(self: &Arc<Self>, transport: Transport) -> ConnectionCount {
        Self::add(&self.connections_open, 1);
        self.connections.of(transport).inspect(|of| Self::add(&of.opened, 1));
        ConnectionCount { counters: Arc::clone(self), transport, reason: Cell::new(CloseReason::Client) }
    }
}

impl ConnectionCount {
    /// It closes for this reason, and not because its peer has closed it. The first one counts.
    pub fn closes(&self, reason: CloseReason) {
        if self.reason.get() == CloseReason::Client {
            self.reason.set(reason);
        }
    }
}

impl Drop for ConnectionCount {
    fn drop(&mut self) {
        let closed = self.counters.connections.of(self.transport).map(|of| &of.closed);
        closed.and_then(|closed| closed.get(self.reason.get() as usize)).inspect(|of| Counters::add(of, 1));
        self.counters.connections_open.fetch_sub(1, Relaxed);
    }
}
