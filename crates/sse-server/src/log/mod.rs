//! The log: records in one hub-wide order, and where they are kept.

mod memory;
mod record;
mod tail;

pub(crate) use memory::MemoryLog;
pub(crate) use record::{Draft, Record};
pub(crate) use tail::{Batch, Tail, Tailed};
