//! What a log has done and holds, in figures.

use std::time::Duration;

use crate::histogram::{EVENTS, Histogram, SECONDS};
use crate::tallies::Tallies;

/// Of one log. Totals are since the start.
#[derive(Debug, Clone)]
pub struct LogFigures {
    /// How groups of batches were stored.
    pub groups: GroupFigures,
    /// Topics that are known.
    pub topics: usize,
    /// Events that are kept.
    pub events: u64,
    /// Bytes of their frames on disk.
    pub bytes_on_disk: u64,
    /// Bytes of their frames in memory.
    pub bytes_in_memory: u64,
    /// Events that retention, or the deletion of a topic, has removed.
    pub removed: u64,
    /// Bytes of the log's file, and of its write-ahead log.
    pub file_bytes: [u64; 2],
    pub(crate) published: Tallies,
}

/// Of the groups that a log stores together.
#[derive(Debug, Clone)]
pub struct GroupFigures {
    /// Seconds from the oldest publish request of a group to its answers.
    pub append: Histogram,
    /// Seconds that the commit of a group's transaction takes, which is its fsync.
    pub fsync: Histogram,
    /// Events in a group.
    pub events: Histogram,
}

impl GroupFigures {
    /// A group of so many events was answered.
    pub(super) fn add(&mut self, events: usize, append: Duration) {
        self.events.add(events as f64, 1);
        self.append.add_time(append);
    }
}

impl Default for GroupFigures {
    fn default() -> Self {
        let [append, fsync] = [(); 2].map(|()| Histogram::new(&SECONDS));
        Self { append, fsync, events: Histogram::new(&EVENTS) }
    }
}
