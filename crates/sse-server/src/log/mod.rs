//! The log: records in one hub-wide order, and where they are kept.

#[cfg(test)]
mod contract;
mod disk;
mod index;
mod kept;
mod keys;
mod memory;
mod record;
mod tail;

use std::pin::Pin;

use sse_core::Epoch;

pub(crate) use disk::DiskLog;
pub(crate) use index::Page;
pub(crate) use kept::TopicSummary;
pub(crate) use memory::MemoryLog;
pub(crate) use record::{Append, Appended, Draft, Record};
pub(crate) use tail::{Batch, Tail, Tailed};

use crate::selectors::Selectors;

/// A future that does not borrow: dropping it does not cancel what it stands for.
pub(crate) type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What to read: the oldest records after a seq, in log order.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) selectors: Selectors,
    pub(crate) after: u64,
    /// Removals that the reader knows of, as [`Page::removals`] counts them; they are no loss to it. 0 for none.
    pub(crate) known: u64,
    pub(crate) depth: Depth,
    /// Most records in the page.
    pub(crate) max_records: usize,
    /// Bytes of frames after which no further record is added to the page.
    pub(crate) max_bytes: u64,
}

/// Which records of a topic a read wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Every one.
    All,
    /// Of topics whose policy is [`SlowReader::Latest`](crate::policy::SlowReader::Latest) the newest only, of
    /// the others every one.
    Conflated,
    /// The newest, and only of topics whose policy is `last_value`.
    LastValues,
}

/// A place among the records of a reader's topics that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seek {
    /// Before the newest so many.
    Last(usize),
    /// Before the first that was appended at this time or later, in seconds since 1970.
    Since(u32),
}

/// Keeps records in one order. Seqs start at 1, grow, and are never used twice, not for another record after a
/// crash either.
///
/// Every implementation passes `contract.rs`.
pub(crate) trait Log: Send + Sync + std::fmt::Debug {
    /// The life of the sequence that this log's ids belong to. A log that lost its records has another one.
    fn epoch(&self) -> Epoch;

    /// Seq of the newest record that can be read, 0 before the first.
    fn head(&self) -> u64;

    /// Appends a batch: all or nothing, in order, with seqs that follow each other. Resolves when the durability
    /// of each topic holds; only then can the records be read, and only then does the tail give them. On `Err`
    /// nothing was stored, except with [`AppendError::Unknown`]. Once the batch has been let in,
    /// dropping the future does not cancel the write.
    ///
    /// A key that was used within its window stores nothing and gives what it gave the first time.
    fn append(&self, batch: Append) -> Pending<Result<Appended, AppendError>>;

    /// A page of records, oldest first.
    fn read(&self, read: Read) -> Pending<Result<Page, ReadError>>;

    /// Everything that becomes readable from now on, in log order, and the seq it follows.
    fn tail(&self) -> (Tail, u64);

    /// The seq after which a reader of these topics reads to get what `seek` says: that of an older record, or 0.
    fn seek(&self, selectors: &Selectors, seek: Seek) -> u64;

    /// How many topics have or had records.
    fn topic_count(&self) -> usize;

    /// Every topic that has or had records.
    fn topics(&self) -> Vec<TopicSummary>;
}

/// Milliseconds since 1970.
pub(crate) fn now_millis() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}

/// Why a batch was not appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AppendError {
    /// No room where the records are kept. It may come back.
    #[error("the disk is full")]
    Full,
    /// The records cannot be written for another reason. It may go away.
    #[error("the log cannot be written: {0}")]
    Unavailable(String),
    /// The write failed halfway and the records may be there or not, each once.
    #[error("the log cannot say whether it has the events: {0}")]
    Unknown(String),
    /// A topic would be one too many.
    #[error("there are {max} topics already, which is the most there can be")]
    TooManyTopics { max: usize },
    /// The log has been closed.
    #[error("the server is stopping")]
    Closed,
}

/// Why records could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log cannot be read: {0}")]
pub(crate) struct ReadError(pub(crate) String);
