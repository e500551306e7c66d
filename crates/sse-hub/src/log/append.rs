//! Appending to a log: a batch of drafts goes in, a receipt comes out.

use sse_core::{Event, Topic};

/// An event on its way into the log.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Where it is published.
    pub topic: Topic,
    /// Its id, if it has one, is replaced by the record's.
    pub event: Event,
}

/// A batch on its way into the log.
#[derive(Debug)]
pub struct Batch {
    /// At least one.
    pub drafts: Vec<Draft>,
    /// Idempotency key: names this batch, so that it is stored once however often it is sent.
    pub key: Option<Box<str>>,
}

/// Where a batch is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendReceipt {
    /// Seq of the first record; the others follow it one by one.
    pub first: u64,
    /// Records of the batch.
    pub count: u64,
    /// The key was known: nothing was stored now.
    pub repeated: bool,
}

/// Why a batch was not appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// No room where the records are kept. It may come back.
    #[error("the log is full")]
    Full,
    /// The records cannot be written for another reason. It may go away.
    #[error("the log cannot be written: {0}")]
    Unavailable(String),
    /// The write failed halfway and the records may be there or not, each once.
    #[error("the log cannot say whether it has the events: {0}")]
    Unknown(String),
    /// A topic would be one too many.
    #[error("there are {max} topics, the most there can be")]
    TooManyTopics {
        /// The limit.
        max: usize,
    },
    /// The log has been closed.
    #[error("the log is closed")]
    Closed,
}
