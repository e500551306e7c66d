//! What the hub has done, in figures: filled by log, fan-out and transport, read by whoever exports them. Counted per
//! batch, pass or connection, so that an event costs no atomic operation of its own.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use sse_core::payload::GapReason;

use crate::connection_counts::{CloseReason, ConnectionCounts, Transport};

/// Totals since the start, except where a gauge is named. Shared by all threads.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections that carry a subscription now (gauge).
    pub connections_open: AtomicU64,
    /// How they were opened and closed.
    pub connections: ConnectionCounts,
    /// Long-polls that wait now (gauge).
    pub long_polls_open: AtomicU64,
    /// Long-polls that have waited.
    pub long_polls: AtomicU64,
    /// Events appended to the log.
    pub events_appended: AtomicU64,
    /// Batches that the log refused.
    pub appends_refused: AtomicU64,
    /// Of these, for a topic too many.
    pub refused_topics: AtomicU64,
    /// Of these, for bytes of all topics in memory or on disk.
    pub refused_bytes: AtomicU64,
    /// Of these, for a disk without enough free space.
    pub refused_full: AtomicU64,
    /// Of these, for the size of an event or a batch.
    pub refused_size: AtomicU64,
    /// Of these, for a topic that is closed.
    pub refused_closed: AtomicU64,
    /// Event streams that were told to come back, since their address or subject opened too many, or its subject has too many.
    pub refused_subscribes: AtomicU64,
    /// Other requests that were refused, since their address or subject sent too many.
    pub refused_requests: AtomicU64,
    /// Connections that were closed, since their address had too many.
    pub refused_connections: AtomicU64,
    /// Deliveries written past the task of an idle connection.
    pub direct_deliveries: AtomicU64,
    /// Subscribers woken because a direct write was not possible.
    pub wakes: AtomicU64,
    /// Times a worker fell behind the log's tail, so that its subscribers caught up from the log.
    pub tail_lags: AtomicU64,
    /// Gaps that subscribers were told of, in the order of [`Self::GAPS`].
    pub gaps: [AtomicU64; Counters::GAPS.len()],
    /// Pages of the log that were read for subscribers behind their ring.
    pub replay_reads: AtomicU64,
    /// Times the budget in bytes was used up.
    pub budget_refusals: AtomicU64,
}

impl Counters {
    /// Adds to one of the totals.
    pub fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Relaxed);
    }

    /// Reads a total or a gauge.
    pub fn get(counter: &AtomicU64) -> u64 {
        counter.load(Relaxed)
    }

    /// Counts one more open connection until the result is dropped.
    pub fn open_connection(self: &Arc<Self>, transport: Transport) -> ConnectionCount {
        Self::add(&self.connections_open, 1);
        self.connections.add_opened(transport);
        ConnectionCount { counters: Arc::clone(self), transport, reason: Cell::new(CloseReason::Client) }
    }

    /// Counts one more long-poll that waits until the result is dropped.
    pub fn wait_long_poll(self: &Arc<Self>) -> LongPollCount {
        Self::add(&self.long_polls_open, 1);
        Self::add(&self.long_polls, 1);
        LongPollCount(Arc::clone(self))
    }

    /// Reasons of gaps that a subscription finds, with their names.
    pub const GAPS: [(GapReason, &str); 5] = [
        (GapReason::UnknownId, "unknown_id"),
        (GapReason::Expired, "expired"),
        (GapReason::Lost, "lost"),
        (GapReason::Damaged, "damaged"),
        (GapReason::Slow, "slow"),
    ];

    pub(crate) fn add_gap(&self, reason: GapReason) {
        let of_reason = Self::GAPS.iter().zip(&self.gaps).find(|((known, _), _)| *known == reason);
        of_reason.inspect(|(_, counter)| Self::add(counter, 1));
    }
}

/// Counts as one open connection as long as it lives.
#[derive(Debug)]
pub struct ConnectionCount {
    counters: Arc<Counters>,
    transport: Transport,
    reason: Cell<CloseReason>,
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
        self.counters.connections.add_closed(self.transport, self.reason.get());
        self.counters.connections_open.fetch_sub(1, Relaxed);
    }
}

/// Counts as one long-poll that waits as long as it lives.
#[derive(Debug)]
pub struct LongPollCount(Arc<Counters>);

impl Drop for LongPollCount {
    fn drop(&mut self) {
        self.0.long_polls_open.fetch_sub(1, Relaxed);
    }
}
