//! What was appended, as it happens: the hub's only input.

use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};

use super::Record;

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
    pub(super) fn new(receiver: broadcast::Receiver<Batch>) -> Self {
        Self(receiver)
    }

    /// The next thing that happens. Cancel safe.
    pub(crate) async fn next(&mut self) -> Tailed {
        match self.0.recv().await {
            Ok(batch) => Tailed::Batch(batch),
            Err(RecvError::Lagged(_)) => Tailed::Missed,
            Err(RecvError::Closed) => Tailed::Closed,
        }
    }
}
