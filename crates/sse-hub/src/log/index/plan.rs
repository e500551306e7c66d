//! What a read has to fetch, and where a reader starts: found in the index, without the records themselves.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use sse_core::Topic;

use super::{Forgotten, Index};
use crate::log::read::{Lost, Read, ReadMode};
use crate::log::topic_index::{Entry, TopicIndex};
use crate::selectors::Selectors;
use crate::start::Seek;

/// What a read has to fetch.
#[derive(Debug)]
pub(in crate::log) struct Plan {
    /// Oldest first.
    pub(in crate::log) entries: Vec<(Arc<Topic>, Entry)>,
    pub(in crate::log) complete_to: u64,
    pub(in crate::log) lost: Lost,
    pub(in crate::log) removals: u64,
}

impl Index {
    /// Where the records are that `read` wants.
    pub(in crate::log) fn plan(&self, read: &Read) -> Plan {
        let (complete_to, removals) = (self.head, self.removals);
        let lost = Lost { removed: self.lost_with_topics(read), ..Lost::default() };
        let mut plan = Plan { entries: Vec::new(), complete_to, lost, removals };
        let mut next = BinaryHeap::new();
        let mut sources = Vec::new();
        for (topic, kept) in self.wanted_topics(&read.selectors) {
            let mut entries = kept.wanted(read, &mut plan.lost);
            if let Some(first) = entries.next() {
                next.push(Reverse((first.seq, sources.len())));
                sources.push((topic, first, entries));
            }
        }
        let first = next.peek().map(|Reverse((seq, _))| *seq);
        let losses = if read.mode == ReadMode::LastValues { &[][..] } else { self.losses_after(read.after) };
        // Before the first record: told with this page. Before another one: the page ends there.
        let passed = losses.partition_point(|loss| first.is_none_or(|first| *loss < first));
        plan.lost.acknowledged = passed > 0;
        let loss = losses.get(passed).copied();
        if let Some(loss) = loss {
            plan.complete_to = loss - 1;
        }
        let mut bytes = 0;
        while let Some(Reverse((seq, nth))) = next.pop() {
            if loss.is_some_and(|loss| seq > loss) {
                break;
            }
            plan.complete_to = plan.complete_to.max(seq);
            let Some((topic, entry, rest)) = sources.get_mut(nth) else { break };
            plan.entries.push((Arc::clone(topic), entry.clone()));
            bytes += u64::from(entry.bytes);
            if let Some(following) = rest.next() {
                *entry = following;
                next.push(Reverse((following.seq, nth)));
            }
            if plan.entries.len() >= read.max_records || bytes >= read.max_bytes {
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

    /// What `read` may have wanted of topics that were forgotten: a topic that is there has not been.
    fn lost_with_topics(&self, read: &Read) -> u64 {
        let Forgotten { newest, at } = self.forgotten;
        let all_there = || {
            read.selectors
                .exact()
                .is_some_and(|mut topics| topics.all(|topic| self.topics.contains_key(topic)))
        };
        if newest > read.after && at > read.acknowledged_removals && !all_there() { newest } else { 0 }
    }

    /// The seq that stands before what `seek` asks for; see [`Log::seek`](super::Log::seek).
    pub(in crate::log) fn seek(&self, selectors: &Selectors, seek: Seek) -> u64 {
        let kept = self.wanted_topics(selectors).map(|(_, kept)| &kept.entries);
        match seek {
            Seek::Earliest => 0,
            Seek::Last(count) => before_last(kept, count),
            Seek::Since(seconds) => {
                let first = |entries: &VecDeque<Entry>| {
                    let is_before =
                        |entry: &Entry| !self.log_time.is_since(entry.seq, entry.seconds, seconds);
                    let before = entries.partition_point(is_before);
                    entries.get(before).map(|entry| entry.seq)
                };
                kept.filter_map(first).min().map_or(self.head, |first| first - 1)
            }
        }
    }

    /// The topics that these selectors want: looked up if all are exact, else looked for.
    fn wanted_topics<'a>(
        &'a self,
        selectors: &'a Selectors,
    ) -> Box<dyn Iterator<Item = (&'a Arc<Topic>, &'a TopicIndex)> + 'a> {
        match selectors.exact() {
            Some(topics) => Box::new(topics.filter_map(|topic| self.topics.get_key_value(topic))),
            None => Box::new(self.topics.iter().filter(|(topic, _)| selectors.match_topic(topic))),
        }
    }
}

/// The seq before the newest `count` entries of all topics together, 0 if there are no more than these.
fn before_last<'a>(topics: impl Iterator<Item = &'a VecDeque<Entry>>, count: usize) -> u64 {
    let mut rests: Vec<_> = topics.map(|entries| entries.iter().rev()).collect();
    let newest = rests.iter_mut().enumerate();
    let mut next: BinaryHeap<_> = newest.filter_map(|(nth, rest)| Some((rest.next()?.seq, nth))).collect();
    for _ in 0..count {
        let Some((_, nth)) = next.pop() else { return 0 };
        next.extend(rests.get_mut(nth).and_then(Iterator::next).map(|entry| (entry.seq, nth)));
    }
    next.peek().map_or(0, |(seq, _)| *seq)
}
