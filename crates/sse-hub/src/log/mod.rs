//! The log: records in one hub-wide order, and where they are kept. [`Log`] is the seam; memory and disk implement it,
//! and each passes `contract.rs`.

mod append;
#[cfg(test)]
pub(crate) mod contract;
mod disk;
mod due;
mod entries;
mod epochs;
mod figures;
mod index;
mod keys;
mod log_time;
mod memory;
mod newest;
mod own_events;
mod pieces;
mod read;
mod record;
mod removals;
mod tail;
mod topic_index;
mod topics;
mod varint;

use futures_core::future::BoxFuture;
use sse_core::Topic;

pub use append::{AppendError, AppendReceipt, Batch, Deleted, Draft, LimitedBytes};
pub use disk::{
    BackupReport, Damage, DiskLog, LogCheck, LogContents, LogFileError, OpenError, backup_log, restore_log,
    verify_file, verify_log,
};
pub use epochs::Epochs;
pub(crate) use epochs::Place;
pub use figures::{GroupFigures, LogFigures};
pub use memory::MemoryLog;
pub use read::{Lost, Page, Read, ReadError, ReadMode, TopicList, TopicSummary};
pub use record::{Record, RecordBatch};
pub(crate) use record::{joined, rfc3339};
pub use tail::{Tail, Tailed};

use crate::interest::Interest;
use crate::policy::Policies;
use crate::selectors::Selectors;
use crate::start::Seek;

/// Keeps records in one order. Seqs start at 1, grow, and are never used twice, not for another record after a crash
/// either.
///
/// The futures own what they need: dropping one does not undo what it has begun.
pub trait Log: Send + Sync + std::fmt::Debug {
    /// The epochs that ids of this log belong to. A log that lost its records knows none of the old ones.
    fn epochs(&self) -> &Epochs;

    /// Seq of the newest record that can be read, 0 before the first, as far as this process knows.
    fn head(&self) -> u64;

    /// Seq of the newest record that a crash leaves there, or a later place without one: an id up to here is known
    /// after any restart.
    fn durable_head(&self) -> u64;

    /// Everything that becomes readable from now on, in log order, and the seq it follows.
    fn tail(&self) -> (Tail, u64);

    /// Appends a batch: all or nothing, in order, with seqs that follow each other. Resolves when the durability of each
    /// topic holds; only then can the records be read, and only then does the tail give them. On `Err` nothing was
    /// stored, except with [`AppendError::Unknown`]. Once the batch has been let in, dropping the future does not cancel
    /// the write.
    ///
    /// A key that was used within its window stores nothing and gives what it gave the first time.
    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<AppendReceipt, AppendError>>;

    /// Removes what is kept of a topic, and the topic. Readers that are live get a record of type `gap` in its place; a later
    /// one is told that it lost something. Resolves when that is durable. `None`: there is no such topic.
    fn delete(&self, topic: Topic) -> BoxFuture<'static, Result<Option<Deleted>, AppendError>>;

    /// How often a topic was closed, so that asking for [`Self::end`] again can be spared.
    fn closes(&self) -> u64;

    /// The last seq of these topics, if every one is named and closed.
    fn end(&self, selectors: &Selectors) -> Option<u64>;

    /// Topics that are open by name do not go when they are idle.
    #[doc(hidden)]
    fn set_interest(&self, interest: Interest);

    /// Treats topics by these policies from now on, and resolves when it does. Topics stay on disk or in memory, whatever these
    /// say: gives how many that concerns, `None` if the log is closed.
    fn set_policies(&self, policies: Policies) -> BoxFuture<'static, Option<usize>>;

    /// Somebody begins or ceases to have these topics open.
    fn touch(&self, selectors: &Selectors);

    /// A page of records, oldest first.
    fn read(&self, read: Read) -> BoxFuture<'static, Result<Page, ReadError>>;

    /// The seq after which a reader of these topics reads to get what `seek` says: that of an older record, or 0.
    fn seek(&self, selectors: Selectors, seek: Seek) -> BoxFuture<'static, Result<u64, ReadError>>;

    /// How many topics have or had records.
    fn topic_count(&self) -> BoxFuture<'static, Result<usize, ReadError>>;

    /// Topics that have or had records, by name.
    fn topics(&self, list: TopicList) -> BoxFuture<'static, Result<Vec<TopicSummary>, ReadError>>;

    /// What it has done and holds.
    fn figures(&self) -> LogFigures;

    /// Whether a batch would be taken now. The error is the one that [`Self::append`] would give.
    fn health(&self) -> BoxFuture<'static, Result<(), AppendError>>;

    /// Stores what waits and ends. Appends after this are refused with [`AppendError::Closed`].
    fn close(&self) -> BoxFuture<'static, ()>;
}
