//! One topic of the index: which of its records are kept, which are to go, which a read wants.

use std::collections::{VecDeque, vec_deque};
use std::sync::Arc;

use sse_core::Topic;

use super::log_time::LogTime;
use super::read::{Lost, Read, ReadMode, TopicSummary};
use super::record::Record;
use crate::policy::{Policy, SlowConsumer};

/// One topic.
#[derive(Debug)]
pub(super) struct TopicIndex {
    pub(super) policy: Policy,
    pub(super) entries: VecDeque<Entry>,
    /// Bytes of all frames in `entries`.
    pub(super) bytes: u64,
    /// Seq of the newest record that was removed, 0 when none was.
    pub(super) removed: u64,
    /// What `Index::removals` was when it was removed.
    pub(super) removed_at: u64,
}

/// Bytes of frames in all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) in_memory: u64,
    pub(super) on_disk: u64,
}

impl Totals {
    fn add(&mut self, entry: &Entry) {
        *self.of(entry) += u64::from(entry.bytes);
    }

    fn subtract(&mut self, entry: &Entry) {
        *self.of(entry) -= u64::from(entry.bytes);
    }

    fn of(&mut self, entry: &Entry) -> &mut u64 {
        if entry.record.is_some() { &mut self.in_memory } else { &mut self.on_disk }
    }
}

/// Where one record is.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) seq: u64,
    /// Seconds since 1970, which is fine enough for removing by age.
    pub(super) seconds: u32,
    pub(super) bytes: u32,
    /// `None` when it is on disk.
    pub(super) record: Option<Arc<Record>>,
}

impl TopicIndex {
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy, entries: VecDeque::new(), bytes: 0, removed: 0, removed_at: 0 }
    }

    pub(super) fn push(&mut self, entry: Entry, totals: &mut Totals) {
        totals.add(&entry);
        self.bytes += u64::from(entry.bytes);
        self.entries.push_back(entry);
    }

    /// The newest record stays, however large it is, until it is too old. `now` is the log's time in seconds; of
    /// records that are only too old, at most `most` go.
    pub(super) fn expire(
        &mut self,
        now: i64,
        log_time: &LogTime,
        removals: u64,
        most: &mut usize,
        totals: &mut Totals,
    ) -> Vec<u64> {
        let retention = self.policy.retention;
        let age = retention.age.map(|age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        let is_old = |entry: &Entry| {
            age.is_some_and(|age| now.saturating_sub(log_time.time(entry.seq, entry.seconds)) > age)
        };
        let mut on_disk = Vec::new();
        while let Some(first) = self.entries.front() {
            let too_much = retention.count.is_some_and(|count| self.entries.len() > count)
                || retention.bytes.is_some_and(|bytes| self.bytes > bytes);
            if !too_much || self.entries.len() == 1 {
                if *most == 0 || !is_old(first) {
                    break;
                }
                *most -= 1;
            }
            on_disk.extend(self.remove_oldest(removals, totals));
        }
        on_disk
    }

    /// Removes the oldest; gives its seq if it is on disk.
    pub(super) fn remove_oldest(&mut self, removals: u64, totals: &mut Totals) -> Option<u64> {
        let first = self.entries.pop_front()?;
        self.bytes -= u64::from(first.bytes);
        totals.subtract(&first);
        (self.removed, self.removed_at) = (first.seq, removals);
        first.record.is_none().then_some(first.seq)
    }

    /// The entries that `read` wants, oldest first; notes what it cannot get.
    pub(super) fn wanted(&self, read: &Read, lost: &mut Lost) -> vec_deque::Iter<'_, Entry> {
        let mut from = self.entries.partition_point(|entry| entry.seq <= read.after);
        let newest = self.entries.len().saturating_sub(1);
        match read.mode {
            ReadMode::All => {}
            ReadMode::Conflated if self.policy.slow_consumer == SlowConsumer::Conflate => {
                lost.conflated |= from < newest;
                from = from.max(newest);
            }
            ReadMode::Conflated => {}
            ReadMode::LastValues if self.policy.last_value => from = from.max(newest),
            ReadMode::LastValues => from = self.entries.len(),
        }
        if self.removed > read.after && self.removed_at > read.acknowledged_removals {
            lost.removed = lost.removed.max(self.removed);
            lost.disconnects |= self.policy.slow_consumer == SlowConsumer::Disconnect;
        }
        self.entries.range(from..)
    }

    pub(super) fn summary(&self, topic: Arc<Topic>) -> TopicSummary {
        let span = self.entries.front().zip(self.entries.back()).map(|(first, last)| (first.seq, last.seq));
        TopicSummary { topic, policy: self.policy, count: self.entries.len(), bytes: self.bytes, span }
    }
}

pub(super) fn seconds(millis: u64) -> u32 {
    u32::try_from(millis / 1000).unwrap_or(u32::MAX)
}
