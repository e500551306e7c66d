//! What a read has to fetch, and where a reader starts: found in the index, without the records themselves.
//!
//! Readers of topics by name look at these topics. Those of prefixes or of everything go through all records in log order, so
//! that it costs what they skip and not how many topics there are: the newest are in memory, older ones in the file's pieces,
//! which the caller reads and hands in.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Index, Placed};
use crate::log::log_time::Reading;
use crate::log::pieces::first_where;
use crate::log::read::{Lost, Page, Read, ReadMode};
use crate::log::topic_index::{TopicIndex, Wanted};
use crate::log::topics::TopicId;
use crate::policy::SlowConsumer;
use crate::selectors::Selectors;
use crate::start::Seek;

/// Records in memory that a reader of many topics goes through in one turn.
const MEMORY_AT_ONCE: usize = 8192;
/// Records in memory among which the newest of many topics are looked for.
const LOOKED_THROUGH: usize = 65_536;

/// What a read has to fetch.
#[derive(Debug, Clone)]
pub(in crate::log) struct Plan {
    /// Oldest first.
    pub(in crate::log) wanted: Vec<Wanted>,
    pub(in crate::log) complete_to: u64,
    pub(in crate::log) lost: Lost,
    pub(in crate::log) removals: u64,
    /// Log time in milliseconds: what has expired by then is left out.
    pub(in crate::log) now: u64,
}

/// What comes of planning.
#[derive(Debug)]
pub(in crate::log) enum Planned {
    Plan(Plan),
    /// The pieces of the file are needed for it. This is the head.
    NeedsPieces {
        head: u64,
    },
}

impl Plan {
    /// The page of what is in memory.
    pub(in crate::log) fn in_memory(self) -> Page {
        let Self { wanted, complete_to, lost, removals, now } = self;
        let records = wanted.into_iter().filter_map(|wanted| wanted.record);
        let records = records.filter(|record| !record.has_expired(now)).collect();
        Page { records, complete_to, lost, removals }
    }

    /// Adds what comes next.
    pub(in crate::log) fn extend(&mut self, next: Self) {
        self.wanted.extend(next.wanted);
        self.complete_to = next.complete_to;
        self.lost.conflated |= next.lost.conflated;
        self.lost.acknowledged |= next.lost.acknowledged;
        self.lost.disconnects |= next.lost.disconnects;
        self.lost.removed = self.lost.removed.max(next.lost.removed);
        self.removals = next.removals;
    }
}

/// Wanted records, oldest first.
type Source<'a> = Box<dyn Iterator<Item = Wanted> + 'a>;

impl Index {
    /// Where the records are that `read` wants.
    pub(in crate::log) fn plan(&self, read: &Read) -> Planned {
        let mut lost = Lost::default();
        if let Some(topics) = read.selectors.exact() {
            let mut sources = Vec::new();
            for topic in topics {
                match self.topics.find(topic) {
                    Some(topic) => sources.push(topic.wanted(read, self.policy(topic), &mut lost)),
                    None => self.removals.lost_of_absent(topic, read, &mut lost),
                }
            }
            return Planned::Plan(self.merge(read, sources, lost, self.head));
        }
        if read.mode == ReadMode::LastValues {
            let sources = self.last_values(read, &mut lost);
            return Planned::Plan(self.merge(read, sources, lost, self.head));
        }
        if self.pieces.has_records(read.after, self.newest.after()) {
            return Planned::NeedsPieces { head: self.head };
        }
        let on_disk: Vec<Placed> = self.newest.range(read.after).collect();
        Planned::Plan(self.plan_with(read, &on_disk, self.head))
    }

    /// As [`Self::plan`] for a reader of many topics. `on_disk`: every record on disk after [`Read::after`], up to the seq
    /// `to`.
    pub(in crate::log) fn plan_with(&self, read: &Read, on_disk: &[Placed], to: u64) -> Plan {
        // Others have their turn after so many.
        let mut in_memory = self.in_memory.range(read.after.saturating_add(1)..);
        let to = in_memory.nth(MEMORY_AT_ONCE).map_or(to, |(seq, _)| to.min(*seq));
        let mut lost = Lost::default();
        for selector in read.selectors.iter() {
            match selector {
                sse_core::Selector::Exact(topic) => match self.topics.find(topic) {
                    Some(topic) => drop(topic.wanted(read, self.policy(topic), &mut lost)),
                    None => self.removals.lost_of_absent(topic, read, &mut lost),
                },
                selector => self.removals.lost_of(selector, read, &mut lost),
            }
        }
        let on_disk = on_disk.iter().filter(|placed| placed.entry.seq <= to).filter_map(|placed| {
            let topic = self.topics.get(placed.topic).filter(|topic| topic.has(placed.entry.seq))?;
            read.selectors.match_topic(&topic.name).then(|| topic.on_disk(placed.entry))
        });
        let in_memory = self.in_memory.range(read.after.saturating_add(1)..=to.max(read.after + 1));
        let in_memory = in_memory
            .filter(|(seq, record)| **seq <= to && read.selectors.match_topic(&record.topic))
            .map(|(_, record)| Wanted::in_memory(record));
        let mut sources: [Source<'_>; 2] = [Box::new(on_disk), Box::new(in_memory)];
        if read.mode == ReadMode::Conflated {
            let mut conflated = false;
            let mut is_wanted = |wanted: &Wanted| {
                let Some(topic) = self.topics.find(&wanted.topic) else { return true };
                let newest = topic.newest().is_none_or(|newest| newest.seq <= wanted.seq);
                let skipped = !newest && self.policy(topic).slow_consumer == SlowConsumer::Conflate;
                conflated |= skipped;
                !skipped
            };
            let kept = sources.map(|source| source.filter(&mut is_wanted).collect::<Vec<_>>());
            lost.conflated = conflated;
            sources = kept.map(|wanted| Box::new(wanted.into_iter()) as Source<'_>);
        }
        self.merge(read, sources.into(), lost, to)
    }

    /// The last values that `read` wants, topic by topic.
    fn last_values(&self, read: &Read, lost: &mut Lost) -> Vec<Source<'_>> {
        let topics = self.topics.with_last_value(&read.selectors);
        topics.into_iter().map(|topic| topic.wanted(read, self.policy(topic), lost)).collect()
    }

    /// Merges what the sources have, up to the seq `to`, into one plan.
    fn merge(&self, read: &Read, sources: Vec<Source<'_>>, lost: Lost, to: u64) -> Plan {
        let now = self.log_time.now_millis(Reading::now());
        let mut plan =
            Plan { wanted: Vec::new(), complete_to: to, lost, removals: self.removals.count(), now };
        let (mut next, mut sources) = (BinaryHeap::new(), sources);
        let mut first_of: Vec<Option<Wanted>> = sources.iter_mut().map(Iterator::next).collect();
        for (nth, first) in first_of.iter().enumerate() {
            next.extend(first.as_ref().map(|first| Reverse((first.seq, nth))));
        }
        let first = next.peek().map(|Reverse((seq, _))| *seq);
        let losses = if read.mode == ReadMode::LastValues { &[][..] } else { self.losses_after(read.after) };
        // Before the first record: told with this page. Before another one: the page ends there.
        let passed = losses.partition_point(|loss| *loss <= to && first.is_none_or(|first| *loss <= first));
        plan.lost.acknowledged = passed > 0;
        let loss = losses.get(passed).copied().filter(|loss| *loss <= to);
        if let Some(loss) = loss {
            plan.complete_to = loss - 1;
        }
        let mut bytes = 0;
        while let Some(Reverse((seq, nth))) = next.pop() {
            if loss.is_some_and(|loss| seq >= loss) {
                break;
            }
            plan.complete_to = plan.complete_to.max(seq);
            let (Some(place), Some(source)) = (first_of.get_mut(nth), sources.get_mut(nth)) else { break };
            let following = source.next();
            next.extend(following.as_ref().map(|following| Reverse((following.seq, nth))));
            let Some(wanted) = std::mem::replace(place, following) else { break };
            bytes += u64::from(wanted.bytes);
            plan.wanted.push(wanted);
            if plan.wanted.len() >= read.max_records || bytes >= read.max_bytes {
                plan.complete_to = seq;
                break;
            }
        }
        plan
    }

    fn losses_after(&self, seq: u64) -> &[u64] {
        let before = self.losses.partition_point(|loss| *loss <= seq);
        self.losses.get(before..).unwrap_or_default()
    }

    /// The seq that stands before what `seek` asks for; see [`Log::seek`](super::Log::seek). `None`: the file's pieces are
    /// needed for it.
    pub(in crate::log) fn seek(&self, selectors: &Selectors, seek: Seek) -> Option<u64> {
        let Some(topics) = selectors.exact() else { return self.seek_among_many(selectors, seek) };
        let topics = topics.filter_map(|topic| self.topics.find(topic));
        Some(match seek {
            Seek::Earliest => 0,
            Seek::Last(count) => before_last(topics.map(|topic| topic.newest_first()), count),
            Seek::Since(seconds) => {
                let first = topics.filter_map(|topic| topic.first_since(seconds, &self.log_time)).min();
                first.map_or(self.head, |first| first - 1)
            }
        })
    }

    fn seek_among_many(&self, selectors: &Selectors, seek: Seek) -> Option<u64> {
        match seek {
            Seek::Earliest => Some(0),
            Seek::Last(count) => {
                let newest: Vec<Placed> = self.newest.range(0).collect();
                let newest: Vec<u64> = self.wanted_among(&newest, selectors).collect();
                let before = self.before_last_of_many(selectors, count, &newest);
                let all_known =
                    before >= self.newest.after() || !self.pieces.has_records(0, self.newest.after());
                all_known.then_some(before)
            }
            Seek::Since(seconds) => {
                let oldest = self.newest.range(0).next();
                let all_known = !self.pieces.has_records(0, self.newest.after())
                    || oldest.is_some_and(|Placed { entry, .. }| {
                        !self.log_time.is_since(entry.seq, entry.seconds, seconds)
                    });
                let first = self.newest.range(0).find(|placed| self.is_since(placed, seconds));
                all_known.then(|| self.before_since(first.map(|placed| placed.entry.seq), seconds))
            }
        }
    }

    /// The seqs of those of these records that are wanted and kept.
    pub(in crate::log) fn wanted_among<'a>(
        &'a self,
        placed: &'a [Placed],
        selectors: &'a Selectors,
    ) -> impl Iterator<Item = u64> + 'a {
        let is_wanted = |placed: &&Placed| {
            let topic = self.topics.get(placed.topic).filter(|topic| topic.has(placed.entry.seq));
            topic.is_some_and(|topic| selectors.match_topic(&topic.name))
        };
        placed.iter().filter(is_wanted).map(|placed| placed.entry.seq)
    }

    /// The seq before the newest `count` records of these topics, of which those on disk have these seqs, oldest first.
    pub(in crate::log) fn before_last_of_many(
        &self,
        selectors: &Selectors,
        count: usize,
        on_disk: &[u64],
    ) -> u64 {
        let in_memory = self.in_memory.values().rev().take(LOOKED_THROUGH);
        let in_memory = in_memory.filter(|record| selectors.match_topic(&record.topic));
        let sources: [Box<dyn Iterator<Item = u64>>; 2] =
            [Box::new(on_disk.iter().rev().copied()), Box::new(in_memory.map(|record| record.seq))];
        before_last(sources.into_iter(), count)
    }

    /// The seq before the first record that was appended at this time or later, when the first of those on disk is `on_disk`.
    pub(in crate::log) fn before_since(&self, on_disk: Option<u64>, seconds: u32) -> u64 {
        // Times grow with seqs, so halving the seqs finds it.
        let is_since = |seq: u64| {
            let record = self.in_memory.range(seq..).next().map(|(_, record)| record);
            record.is_none_or(|record| {
                let stamp = crate::log::topic_index::seconds(record.time);
                self.log_time.is_since(record.seq, stamp, seconds)
            })
        };
        let first = first_where(self.head + 1, is_since);
        let in_memory = self.in_memory.range(first..).next().map(|(seq, _)| *seq);
        on_disk.into_iter().chain(in_memory).min().map_or(self.head, |first| first - 1)
    }

    /// The seq before the pieces among which the first record that was appended at this time or later is, if it is in one.
    pub(in crate::log) fn pieces_since(&self, seconds: u32) -> u64 {
        self.pieces.before_first(|seq, stamp| self.log_time.is_since(seq, stamp, seconds))
    }

    /// The seq before the newest so many pieces.
    pub(in crate::log) fn pieces_last(&self, count: usize) -> u64 {
        self.pieces.before_last(count)
    }

    /// Where all records on disk after this seq are, found without pieces: looks at every topic.
    pub(in crate::log) fn on_disk_after(&self, seq: u64) -> Vec<Placed> {
        let of_topic = |(topic, kept): (TopicId, &TopicIndex)| {
            let entries: Vec<_> = kept.on_disk_after(seq).collect();
            entries.into_iter().map(move |entry| Placed { topic, entry })
        };
        let mut placed: Vec<Placed> = self.topics.iter().flat_map(of_topic).collect();
        placed.sort_unstable_by_key(|placed| placed.entry.seq);
        placed
    }

    /// Was this record, if it is kept, appended at this wall time of now or later?
    pub(in crate::log) fn is_since(&self, placed: &Placed, seconds: u32) -> bool {
        self.has(placed) && self.log_time.is_since(placed.entry.seq, placed.entry.seconds, seconds)
    }
}

/// The seq before the newest `count` of all sources together, each of which gives its newest first; 0 if there are no more
/// than these.
fn before_last(sources: impl Iterator<Item = impl Iterator<Item = u64>>, count: usize) -> u64 {
    let mut rests: Vec<_> = sources.collect();
    let newest = rests.iter_mut().enumerate();
    let mut next: BinaryHeap<_> = newest.filter_map(|(nth, rest)| Some((rest.next()?, nth))).collect();
    for _ in 0..count {
        let Some((_, nth)) = next.pop() else { return 0 };
        next.extend(rests.get_mut(nth).and_then(Iterator::next).map(|seq| (seq, nth)));
    }
    next.peek().map_or(0, |(seq, _)| *seq)
}
