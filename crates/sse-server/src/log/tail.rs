//! What was appended, as it happens: the hub's only input.

use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};

use super::Record;

/// Batches that a tail may fall behind before it misses some.
const MAX_BATCHES: usize = 1024;

/// Records that were appended together, in order.
pub(crate) type Batch = Arc<[Arc<Record>]>;

/// A place at the end of the log. Bounded: who falls too far behind is told so and reads the log instead.
#[derive(Debug)]
pub(crate) struct Tail(broadcast::Receiver<Batch>);

/// What happened at the end of the log.
#[derive(Debug)]
pub(crate) enum Tailed {
    /// These records came next.
    Batch(Batch),
    /// Batches were missed; the next one is not adjacent to the one before.
    Missed,
    /// The log is closed.
    Closed,
}

impl Tail {
    /// The next thing that happens. Cancel safe.
    pub(crate) async fn next(&mut self) -> Tailed {
        match self.0.recv().await {
            Ok(batch) => Tailed::Batch(batch),
            Err(RecvError::Lagged(_)) => Tailed::Missed,
            Err(RecvError::Closed) => Tailed::Closed,
        }
    }

    /// What has happened already.
    pub(crate) fn try_next(&mut self) -> Option<Tailed> {
        match self.0.try_recv() {
            Ok(batch) => Some(Tailed::Batch(batch)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Lagged(_)) => Some(Tailed::Missed),
            Err(TryRecvError::Closed) => Some(Tailed::Closed),
        }
    }
}

/// The log's side of its tails. Used under the log's lock, so that all tails see the order of the log.
#[derive(Debug)]
pub(super) struct Announcer(broadcast::Sender<Batch>);

impl Default for Announcer {
    fn default() -> Self {
        Self(broadcast::Sender::new(MAX_BATCHES))
    }
}

impl Announcer {
    /// Gives records that have just become readable to all tails.
    pub(super) fn announce(&self, batch: Batch) {
        // No receiver is no error: nobody is looking.
        let _ = self.0.send(batch);
    }

    /// A tail of what is announced from now on.
    pub(super) fn tail(&self) -> Tail {
        Tail(self.0.subscribe())
    }
}
