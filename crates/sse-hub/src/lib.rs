//! The engine of sse-hub, without HTTP: publish on one side, resumable subscriptions on the other, an ordered log
//! between them.
//!
//! - [`Hub`] publishes and reads. It stands on a [`Log`]: [`DiskLog`] survives a crash, [`MemoryLog`] does not.
//! - [`backup_log`] copies the log of a [`DiskLog`] in use, [`restore_log`] puts a copy back, [`verify_log`] checks one.
//! - [`Policies`] say for each topic how durable an event is before it is acknowledged, how long it is kept, and what
//!   happens to a slow consumer.
//! - [`Fanout`] belongs to one thread and delivers what is new to that thread's [`Subscription`]s.
//! - A [`Subscription`] is a cursor over the log: replay and live are one loop. What it cannot have any more is told as
//!   a [`Delivery::Gap`], never skipped in silence.
//!
//! An event is durable before anybody sees it, everybody sees the order of the log, and an id resumes any choice of
//! topics. `examples/embed.rs` publishes, subscribes and resumes.

mod budget;
mod connection_counts;
mod counters;
mod direct_writer;
mod event_page;
mod fanout;
mod figures;
mod histogram;
mod hub;
mod interest;
mod log;
mod policy;
mod selectors;
mod start;
mod subscription;
mod tallies;

pub use budget::{Budget, Held};
pub use connection_counts::{CloseReason, ConnectionCounts, Transport};
pub use counters::{ConnectionCount, Counters, LongPollCount};
pub use direct_writer::{DirectWriter, SharedFrames, WriteOutcome};
pub use event_page::{EventPage, KeptEvent};
pub use fanout::{Ending, Fanout};
pub use figures::{Figures, PatternFigures, PatternName};
pub use histogram::Histogram;
pub use hub::{Hub, Unchanged};
pub use interest::{Interest, InterestWatch};
pub use log::{
    AppendError, AppendReceipt, BackupReport, Batch, Damage, Deleted, DiskLog, Draft, Epochs, GroupFigures,
    LimitedBytes, Log, LogCheck, LogContents, LogFigures, LogFileError, Lost, MemoryLog, OpenError, Page,
    Read, ReadError, ReadMode, Record, RecordBatch, Tail, Tailed, TopicList, TopicSummary, backup_log,
    restore_log, verify_file, verify_log,
};
pub use policy::{Durability, LogLimits, Policies, Policy, Retention, SlowConsumer};
pub use selectors::{Selectors, SelectorsError};
pub use start::{Seek, Start};
pub use subscription::{Delivery, EndReason, Subscription};
pub use tallies::Tally;
