//! One topic of the index: which of its records are kept, which are to go, which a read wants.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sse_core::Topic;

use super::entries::{Entries, Entry};
use super::log_time::LogTime;
use super::read::{Lost, Read, ReadMode, TopicSummary};
use super::record::Record;
use crate::policy::{Policy, SlowConsumer};

/// One topic. There may be a million.
#[derive(Debug)]
pub(super) struct TopicIndex {
    pub(super) name: Topic,
    /// Its records on disk, oldest first.
    entries: Entries,
    /// Its records in memory, which come after those.
    #[expect(clippy::box_collection, reason = "most topics have none, and there are a million")]
    records: Option<Box<VecDeque<Arc<Record>>>>,
    /// Bytes of all frames that are kept.
    pub(super) bytes: u64,
    /// Seq of the newest record that was removed, 0 when none was.
    pub(super) removed: u64,
    /// Number of that removal; see [`Removals`](super::removals::Removals).
    pub(super) removed_at: u64,
    /// When the topic is looked at next, in seconds of log time; 0 when there is nothing to look for.
    pub(super) due: i64,
    /// The topic began after this seq. What is older and has its number was of another one.
    pub(super) since: u64,
    /// Which rule of the policies it follows.
    pub(super) rule: u32,
    /// The file has a row for it.
    pub(super) is_stored: bool,
    /// Its newest record closes it.
    pub(super) is_closed: bool,
    /// When it was last published to, or seen open, in seconds of log time; see [`Policy::idle`].
    pub(super) active: u32,
}

/// Bytes of frames in all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    /// Events that are kept, and that were removed.
    pub(super) events: u64,
    pub(super) removed: u64,
    pub(super) in_memory: u64,
    pub(super) on_disk: u64,
}

/// A record that a read wants.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) topic: Topic,
    pub(super) seq: u64,
    /// Of its frame.
    pub(super) bytes: u32,
    /// Number of the rule that its topic follows.
    pub(super) rule: u16,
    /// `None` when it is on disk.
    pub(super) record: Option<Arc<Record>>,
}

/// What limits one topic, now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits<'a> {
    pub(super) policy: Policy,
    /// In seconds of log time.
    pub(super) now: i64,
    pub(super) log_time: &'a LogTime,
}

impl TopicIndex {
    pub(super) fn new(name: Topic, rule: u32, in_memory: bool) -> Self {
        let (entries, records) = (Entries::default(), in_memory.then(Box::default));
        let (bytes, removed, removed_at, since) = (0, 0, 0, 0);
        Self {
            name,
            entries,
            records,
            bytes,
            removed,
            removed_at,
            due: 0,
            since,
            rule,
            is_stored: false,
            is_closed: false,
            active: 0,
        }
    }

    /// Are records that come now kept in memory?
    pub(super) fn is_in_memory(&self) -> bool {
        self.records.is_some()
    }

    fn records(&self, after: u64) -> impl DoubleEndedIterator<Item = &Arc<Record>> {
        let records = self.records.as_deref();
        let range = |records: &'_ VecDeque<Arc<Record>>| {
            records.partition_point(|record| record.seq <= after)..records.len()
        };
        records.map(|records| records.range(range(records))).into_iter().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len() + self.records.as_ref().map_or(0, |records| records.len())
    }

    pub(super) fn oldest(&self) -> Option<Entry> {
        let in_memory = || self.records.as_ref()?.front().map(|record| Entry::of(record));
        self.entries.oldest().or_else(in_memory)
    }

    pub(super) fn newest(&self) -> Option<Entry> {
        let in_memory = self.records.as_ref().and_then(|records| records.back());
        in_memory.map(|record| Entry::of(record)).or_else(|| self.entries.newest())
    }

    /// Is the record with this seq kept, if it is one of this topic?
    pub(super) fn has(&self, seq: u64) -> bool {
        self.oldest().is_some_and(|oldest| oldest.seq <= seq)
    }

    pub(super) fn push(&mut self, record: &Arc<Record>, totals: &mut Totals) {
        let entry = Entry::of(record);
        let Some(records) = self.records.as_mut() else { return self.push_entry(entry, totals) };
        records.push_back(Arc::clone(record));
        self.bytes += u64::from(entry.bytes);
        totals.in_memory += u64::from(entry.bytes);
        totals.events += 1;
    }

    /// A record that is on disk.
    pub(super) fn push_entry(&mut self, entry: Entry, totals: &mut Totals) {
        self.bytes += u64::from(entry.bytes);
        totals.on_disk += u64::from(entry.bytes);
        totals.events += 1;
        self.entries.push(entry);
    }

    /// Should the oldest go? The newest stays, however large it is, until it is too old. `most`: so many go that are only
    /// too old.
    pub(super) fn is_past_limit(&self, limits: &Limits<'_>, most: &mut usize) -> bool {
        let (retention, len) = (limits.policy.retention, self.len());
        let too_much = retention.count.is_some_and(|count| len > count)
            || retention.bytes.is_some_and(|bytes| self.bytes > bytes);
        if too_much && len > 1 {
            return true;
        }
        if self.is_closed && len == 1 {
            return false;
        }
        let is_old = *most > 0 && self.due(limits).is_some_and(|due| due <= limits.now);
        *most -= usize::from(is_old);
        is_old
    }

    /// When the topic is to be looked at next, in seconds of log time.
    pub(super) fn next_due(&self, limits: &Limits<'_>) -> Option<i64> {
        let idle = limits.policy.idle.map(|idle| i64::from(self.active) + whole_seconds(idle) + 1);
        let is_last = self.is_closed && self.len() == 1;
        let aged = self.due(limits).filter(|_| !is_last);
        idle.into_iter().chain(aged).min()
    }

    /// When the oldest record is too old, in seconds of log time.
    fn due(&self, limits: &Limits<'_>) -> Option<i64> {
        let age = whole_seconds(limits.policy.retention.age?);
        let oldest = self.oldest()?;
        Some(limits.log_time.time(oldest.seq, oldest.seconds).saturating_add(age).saturating_add(1))
    }

    /// Removes the oldest, under this number. Says whether it is on disk.
    pub(super) fn remove_oldest(&mut self, removed_at: u64, totals: &mut Totals) -> Option<(Entry, bool)> {
        let (oldest, on_disk) = match self.entries.pop_oldest() {
            Some(entry) => (entry, true),
            None => (Entry::of(&*self.records.as_mut()?.pop_front()?), false),
        };
        let total = if on_disk { &mut totals.on_disk } else { &mut totals.in_memory };
        *total -= u64::from(oldest.bytes);
        (totals.events, totals.removed) = (totals.events.saturating_sub(1), totals.removed + 1);
        self.bytes -= u64::from(oldest.bytes);
        (self.removed, self.removed_at) = (oldest.seq, removed_at);
        Some((oldest, on_disk))
    }

    /// The records that `read` wants, oldest first; notes what it cannot get.
    pub(super) fn wanted<'a>(
        &'a self,
        read: &Read,
        policy: Policy,
        lost: &mut Lost,
    ) -> Box<dyn Iterator<Item = Wanted> + 'a> {
        if self.removed > read.after && self.removed_at > read.acknowledged_removals {
            lost.removed = lost.removed.max(self.removed);
            lost.disconnects |= policy.slow_consumer == SlowConsumer::Disconnect;
        }
        let newest = self.newest().map_or(0, |newest| newest.seq);
        let after = match read.mode {
            ReadMode::Conflated if policy.slow_consumer == SlowConsumer::Conflate => {
                lost.conflated |= self.after(read.after).next().is_some_and(|first| first.seq < newest);
                read.after.max(newest.saturating_sub(1))
            }
            ReadMode::All | ReadMode::Conflated => read.after,
            ReadMode::LastValues if policy.last_value => read.after.max(newest.saturating_sub(1)),
            ReadMode::LastValues => u64::MAX,
        };
        Box::new(self.after(after))
    }

    fn after(&self, seq: u64) -> impl Iterator<Item = Wanted> {
        let on_disk = self.on_disk_after(seq).map(|entry| self.on_disk(entry));
        on_disk.chain(self.records(seq).map(Wanted::in_memory))
    }

    /// Where its records on disk after this seq are, oldest first.
    pub(super) fn on_disk_after(&self, seq: u64) -> impl Iterator<Item = Entry> {
        self.entries.from(move |entry| entry.seq <= seq)
    }

    /// A record of this topic that is on disk.
    pub(super) fn on_disk(&self, entry: Entry) -> Wanted {
        Wanted {
            topic: self.name.clone(),
            seq: entry.seq,
            bytes: entry.bytes,
            rule: short(self.rule),
            record: None,
        }
    }

    /// The seqs of its records, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = u64> {
        let in_memory = self.records(0).rev().map(|record| record.seq);
        in_memory.chain(self.entries.newest_first().map(|entry| entry.seq))
    }

    /// Seq of the first record that was appended at this wall time of now or later.
    pub(super) fn first_since(&self, seconds: u32, log_time: &LogTime) -> Option<u64> {
        let is_before = |entry: &Entry| !log_time.is_since(entry.seq, entry.seconds, seconds);
        let mut in_memory = self.records(0).map(|record| Entry::of(record)).skip_while(is_before);
        self.entries.from(is_before).next().or_else(|| in_memory.next()).map(|entry| entry.seq)
    }

    pub(super) fn summary(&self, policy: Policy) -> TopicSummary {
        let span = self.oldest().zip(self.newest()).map(|(first, last)| (first.seq, last.seq));
        TopicSummary { topic: self.name.clone(), policy, count: self.len(), bytes: self.bytes, span }
    }
}

impl Entry {
    pub(super) fn of(record: &Record) -> Self {
        let bytes = u32::try_from(record.frame.len()).unwrap_or(u32::MAX);
        Self { seq: record.seq, seconds: seconds(record.time), bytes }
    }
}

impl Wanted {
    pub(super) fn in_memory(record: &Arc<Record>) -> Self {
        let Entry { seq, bytes, .. } = Entry::of(record);
        Self { topic: record.topic.clone(), seq, bytes, rule: record.rule, record: Some(Arc::clone(record)) }
    }
}

/// The number of a rule as records have it.
pub(super) fn short(rule: u32) -> u16 {
    u16::try_from(rule).unwrap_or(u16::MAX)
}

fn whole_seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX >> 1)
}

pub(super) fn seconds(millis: u64) -> u32 {
    u32::try_from(millis / 1000).unwrap_or(u32::MAX)
}
