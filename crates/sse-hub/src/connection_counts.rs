//! Connections that carry a subscription: how many were opened, over what, and why they closed.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

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
        self.of(transport).map_or(0, |of| of.opened.load(Relaxed))
    }

    /// How many have closed, by their reasons in the order of [`CloseReason::ALL`].
    pub fn closed(&self, transport: Transport) -> [u64; CloseReason::ALL.len()] {
        let closed = |of: &OfTransport| of.closed.each_ref().map(|count| count.load(Relaxed));
        self.of(transport).map(closed).unwrap_or_default()
    }

    pub(crate) fn add_opened(&self, transport: Transport) {
        if let Some(of) = self.of(transport) {
            of.opened.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn add_closed(&self, transport: Transport, reason: CloseReason) {
        if let Some(count) = self.of(transport).and_then(|of| of.closed.get(reason as usize)) {
            count.fetch_add(1, Relaxed);
        }
    }

    fn of(&self, transport: Transport) -> Option<&OfTransport> {
        self.0.get(transport as usize)
    }
}
