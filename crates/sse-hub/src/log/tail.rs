//! The tail: what was appended, as it happens. The only input of the fan-out.

use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};

use super::record::RecordBatch;

/// Batches that a tail may lag before it misses some.
const MAX_BATCHES: usize = 1024;

/// A place at the end of the log. Bounded: who falls too far behind is told so and reads the log instead.
#[derive(Debug)]
pub struct Tail(broadcast::Receiver<RecordBatch>);

/// What happened at the end of the log.
#[derive(Debug)]
pub enum Tailed {
    /// These records came next.
    Records(RecordBatch),
    /// Batches were missed; the next one is not adjacent to the one before.
    Lagged,
    /// The log is closed.
    Closed,
}

impl Tail {
    /// The next thing that happens. Cancel safe.
    pub async fn next(&mut self) -> Tailed {
        match self.0.recv().await {
            Ok(batch) => Tailed::Records(batch),
            Err(RecvError::Lagged(_)) => Tailed::Lagged,
            Err(RecvError::Closed) => Tailed::Closed,
        }
    }

    /// What has happened already.
    pub fn try_next(&mut self) -> Option<Tailed> {
        match self.0.try_recv() {
            Ok(batch) => Some(Tailed::Records(batch)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Lagged(_)) => Some(Tailed::Lagged),
            Err(TryRecvError::Closed) => Some(Tailed::Closed),
        }
    }
}

/// The log's side of its tails. Used under the log's lock, so that all tails see the order of the log.
#[derive(Debug)]
pub(super) struct Announcer(broadcast::Sender<RecordBatch>);

impl Default for Announcer {
    fn default() -> Self {
        Self(broadcast::Sender::new(MAX_BATCHES))
    }
}

impl Announcer {
    /// Gives records that have just become readable to all tails.
    pub(super) fn announce(&self, batch: RecordBatch) {
        // No receiver is no error: nobody is looking.
        let _ = self.0.send(batch);
    }

    /// A tail of what is announced from now on.
    pub(super) fn tail(&self) -> Tail {
        Tail(self.0.subscribe())
    }
}
