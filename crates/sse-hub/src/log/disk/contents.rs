//! What a log has, in a few numbers for people.

use std::fmt;
use std::path::Path;

use sse_core::RecordId;

use super::parts::StoredEpochs;
use super::read_only::LogFileError;
use super::store::Store;
use crate::log::epochs::Epochs;

/// What is in the file of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogContents {
    /// Events on disk that are retained.
    pub events: u64,
    /// Topics that have or had events.
    pub topics: u64,
    /// Length of the file, with what is in its write-ahead log.
    pub bytes: u64,
    /// Id of the newest event on disk, `None` if there is none or its epoch cannot be read.
    pub newest: Option<RecordId>,
}

impl LogContents {
    /// `events` and `topics` were counted by the caller.
    pub(super) fn of(store: &Store, file: &Path, events: u64, topics: u64) -> Result<Self, LogFileError> {
        let read = || {
            let pages: u64 = store.0.pragma_query_value(None, "page_count", |row| row.get(0))?;
            let page: u64 = store.0.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let newest = store.newest_record()?;
            let epochs = store.part::<StoredEpochs>()?.unwrap_or_default().ended(newest);
            let is_known = newest > 0 && !epochs.is_empty();
            let newest = is_known.then(|| Epochs::after(epochs, newest + 1).id(newest));
            Ok(Self { events, topics, bytes: pages * page, newest })
        };
        read().map_err(|error| LogFileError::unreadable(file, &error))
    }
}

impl fmt::Display for LogContents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, topics, bytes, newest } = self;
        write!(f, "{events} events, {topics} topics, {bytes} bytes")?;
        match newest {
            Some(id) => write!(f, ", last id {id}"),
            None => Ok(()),
        }
    }
}
