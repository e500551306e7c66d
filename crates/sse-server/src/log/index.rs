//! Which records there are, topic by topic, and which are to go. Holds the records of memory topics; of disk
//! topics only where they are.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque, vec_deque};
use std::sync::Arc;

use sse_core::{Epoch, RecordId, Topic};

use super::keys::Keys;
use super::{AppendError, Depth, Draft, Read, Record, Seek};
use crate::hub::Selectors;
use crate::policy::{Durability, Policies, Policy, SlowReader};

/// Most topics. Each costs about 300 bytes, and a read of many topics looks at each of them.
pub(super) const MAX_TOPICS: usize = 10_000;
/// The records that can be read.
#[derive(Debug)]
pub(super) struct Index {
    policies: Policies,
    /// Every topic is in memory, whatever its policy says.
    all_in_memory: bool,
    /// Seq of the newest record, 0 before the first.
    head: u64,
    topics: HashMap<Arc<Topic>, Kept>,
    /// Counts what was removed, so that readers can say which of it they know.
    removals: u64,
    keys: Keys,
}

/// One topic.
#[derive(Debug)]
struct Kept {
    policy: Policy,
    entries: VecDeque<Entry>,
    /// Bytes of all frames in `entries`.
    bytes: u64,
    /// Seq of the newest record that was removed, 0 when none was.
    removed: u64,
    /// What [`Index::removals`] was when it was removed.
    removed_at: u64,
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

/// What a read has found.
#[derive(Debug)]
pub(crate) struct Page {
    /// Oldest first.
    pub(crate) records: Vec<Arc<Record>>,
    /// The page holds every wanted record up to this seq.
    pub(crate) complete_to: u64,
    pub(crate) lost: Lost,
    /// Removals as of this page.
    pub(crate) removals: u64,
}

/// What a read cannot give any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Lost {
    /// Seq of the newest wanted record after the start of the read that was removed without the reader's
    /// knowledge, 0 when there is none.
    pub(crate) removed: u64,
    /// One of the topics with such a record cuts slow readers.
    pub(crate) cuts: bool,
    /// Records were left out for newer ones of the same topic.
    pub(crate) conflated: bool,
}

/// What a read has to fetch.
#[derive(Debug)]
pub(super) struct Plan {
    /// Oldest first.
    pub(super) entries: Vec<(Arc<Topic>, Entry)>,
    pub(super) complete_to: u64,
    pub(super) lost: Lost,
    pub(super) removals: u64,
}

/// One topic, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicSummary {
    pub(crate) topic: Arc<Topic>,
    pub(crate) policy: Policy,
    /// Records that are kept.
    pub(crate) count: usize,
    /// Bytes of their frames.
    pub(crate) bytes: u64,
    /// Seqs of the oldest and the newest record that is kept.
    pub(crate) span: Option<(u64, u64)>,
}

impl Index {
    /// An empty index of a log that keeps everything in memory.
    pub(super) fn in_memory(policies: Policies) -> Self {
        Self { all_in_memory: true, ..Self::new(policies, 0) }
    }

    /// An index without records, whose next seq is the one after `head`.
    pub(super) fn new(policies: Policies, head: u64) -> Self {
        Self {
            policies,
            all_in_memory: false,
            head,
            topics: HashMap::new(),
            removals: 0,
            keys: Keys::default(),
        }
    }

    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// Moves the head over records that are not there any more.
    pub(super) fn move_head(&mut self, seq: u64) {
        self.head = self.head.max(seq);
    }

    /// The index's own copy of the name; makes the topic if need be.
    pub(super) fn topic(&mut self, topic: &Topic) -> Result<Arc<Topic>, AppendError> {
        if let Some((name, _)) = self.topics.get_key_value(topic) {
            return Ok(Arc::clone(name));
        }
        if self.topics.len() >= MAX_TOPICS {
            return Err(AppendError::TooManyTopics { max: MAX_TOPICS });
        }
        let name = Arc::new(topic.clone());
        self.kept(&name);
        Ok(name)
    }

    /// Forgets the topics of records that were not stored after all, if they have no others.
    pub(super) fn forget_unused<'a>(&mut self, topics: impl Iterator<Item = &'a Topic>) {
        for topic in topics {
            if self.topics.get(topic).is_some_and(|kept| kept.entries.is_empty() && kept.removed == 0) {
                self.topics.remove(topic);
            }
        }
    }

    fn kept(&mut self, topic: &Arc<Topic>) -> &mut Kept {
        self.topics.entry(Arc::clone(topic)).or_insert_with(|| Kept {
            policy: self.policies.of(topic),
            entries: VecDeque::new(),
            bytes: 0,
            removed: 0,
            removed_at: 0,
        })
    }

    /// Are the topic's records kept in memory?
    pub(super) fn is_in_memory(&self, topic: &Topic) -> bool {
        let in_memory = |kept: &Kept| kept.policy.durability == Durability::Memory;
        self.all_in_memory || self.topics.get(topic).is_some_and(in_memory)
    }

    /// Makes records of a batch, with the seqs that come after `head`. They are not in the index yet.
    pub(super) fn stamp(
        &mut self,
        drafts: &[Draft],
        epoch: Epoch,
        head: u64,
        now: u64,
    ) -> Result<Vec<Arc<Record>>, AppendError> {
        let stamp = |(seq, Draft { topic, event }): (u64, &Draft)| {
            let topic = self.topic(topic)?;
            let in_memory = self.is_in_memory(&topic);
            let record = Record::new(RecordId { epoch, seq }, topic, now, event);
            Ok(Arc::new(Record { in_memory, ..record }))
        };
        let stamped: Result<_, _> = (head + 1..).zip(drafts).map(stamp).collect();
        if stamped.is_err() {
            self.forget_unused(drafts.iter().map(|draft| &draft.topic));
        }
        stamped
    }

    /// Adds a record that is newer than all others. Holds it, unless it is on disk.
    pub(super) fn push(&mut self, record: &Arc<Record>) {
        self.kept(&record.topic).push(Entry {
            seq: record.seq,
            seconds: seconds(record.time),
            bytes: u32::try_from(record.frame.len()).unwrap_or(u32::MAX),
            record: record.in_memory.then(|| Arc::clone(record)),
        });
        self.head = record.seq;
    }

    /// Adds what was found on disk.
    pub(super) fn restore(&mut self, topic: &Topic, entry: Entry) {
        self.move_head(entry.seq);
        if let Some(kept) = self.topics.get_mut(topic) {
            kept.push(entry);
        }
    }

    /// Sets what is known to be removed of a topic.
    pub(super) fn set_removed(&mut self, topic: &Topic, seq: u64) {
        if let Some(kept) = self.topics.get_mut(topic)
            && seq > kept.removed
        {
            self.removals += 1;
            (kept.removed, kept.removed_at) = (seq, self.removals);
        }
    }

    /// Removes what passes a limit of the topic's policy. Gives the seqs of the removed records that are on disk.
    pub(super) fn expire(&mut self, topic: &Topic, now: u64) -> Vec<u64> {
        self.removals += 1;
        let kept = self.topics.get_mut(topic);
        kept.map_or_else(Vec::new, |kept| kept.expire(seconds(now), self.removals))
    }

    /// As [`Self::expire`], for all topics.
    pub(super) fn expire_all(&mut self, now: u64) -> Vec<(Arc<Topic>, Vec<u64>)> {
        self.removals += 1;
        let (now, removals) = (seconds(now), self.removals);
        let expired =
            self.topics.iter_mut().map(|(topic, kept)| (Arc::clone(topic), kept.expire(now, removals)));
        expired.filter(|(_, seqs)| !seqs.is_empty()).collect()
    }

    /// Where the records are that `read` wants.
    pub(super) fn plan(&self, read: &Read) -> Plan {
        let (complete_to, removals) = (self.head, self.removals);
        let mut plan = Plan { entries: Vec::new(), complete_to, lost: Lost::default(), removals };
        let mut next = BinaryHeap::new();
        let mut sources = Vec::new();
        for (topic, kept) in self.wanted_topics(&read.selectors) {
            let mut entries = kept.wanted(read, &mut plan.lost);
            if let Some(first) = entries.next() {
                next.push(Reverse((first.seq, sources.len())));
                sources.push((topic, first, entries));
            }
        }
        let mut bytes = 0;
        while let Some(Reverse((seq, nth))) = next.pop() {
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

    /// The seq that stands before what `seek` asks for; see [`Log::seek`](super::Log::seek).
    pub(super) fn seek(&self, selectors: &Selectors, seek: Seek) -> u64 {
        let kept = self.wanted_topics(selectors).map(|(_, kept)| &kept.entries);
        match seek {
            Seek::Last(count) => before_last(kept, count),
            Seek::Since(seconds) => {
                let first = |entries: &VecDeque<Entry>| {
                    let before = entries.partition_point(|entry| entry.seconds < seconds);
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
    ) -> Box<dyn Iterator<Item = (&'a Arc<Topic>, &'a Kept)> + 'a> {
        match selectors.exact() {
            Some(topics) => Box::new(topics.filter_map(|topic| self.topics.get_key_value(topic))),
            None => Box::new(self.topics.iter().filter(|(topic, _)| selectors.match_topic(topic))),
        }
    }

    pub(super) fn summaries(&self) -> Vec<TopicSummary> {
        let mut topics: Vec<TopicSummary> =
            self.topics.iter().map(|(topic, kept)| kept.summary(Arc::clone(topic))).collect();
        topics.sort_by(|a, b| a.topic.cmp(&b.topic));
        topics
    }

    /// Seq of the newest record that was removed from a topic, 0 when none was.
    pub(super) fn removed(&self, topic: &Topic) -> u64 {
        self.topics.get(topic).map_or(0, |kept| kept.removed)
    }

    /// Seq of the newest record of a topic that there is or was, 0 when there was none.
    pub(super) fn newest(&self, topic: &Topic) -> u64 {
        let kept = self.topics.get(topic);
        kept.map_or(0, |kept| kept.entries.back().map_or(kept.removed, |newest| newest.seq))
    }

    pub(super) fn keys(&mut self) -> &mut Keys {
        &mut self.keys
    }
}

impl Kept {
    fn push(&mut self, entry: Entry) {
        self.bytes += u64::from(entry.bytes);
        self.entries.push_back(entry);
    }

    /// The newest record stays, however large it is, until it is too old.
    fn expire(&mut self, now: u32, removals: u64) -> Vec<u64> {
        let retain = self.policy.retain;
        let oldest =
            retain.age.map_or(0, |age| now.saturating_sub(age.as_secs().try_into().unwrap_or(u32::MAX)));
        let mut on_disk = Vec::new();
        while let Some(first) = self.entries.front() {
            let too_much = retain.count.is_some_and(|count| self.entries.len() > count)
                || retain.bytes.is_some_and(|bytes| self.bytes > bytes);
            let gone = first.seconds < oldest || (too_much && self.entries.len() > 1);
            if !gone {
                break;
            }
            self.bytes -= u64::from(first.bytes);
            (self.removed, self.removed_at) = (first.seq, removals);
            if first.record.is_none() {
                on_disk.push(first.seq);
            }
            self.entries.pop_front();
        }
        on_disk
    }

    /// The entries that `read` wants, oldest first; notes what it cannot get.
    fn wanted(&self, read: &Read, lost: &mut Lost) -> vec_deque::Iter<'_, Entry> {
        let mut from = self.entries.partition_point(|entry| entry.seq <= read.after);
        let newest = self.entries.len().saturating_sub(1);
        match read.depth {
            Depth::All => {}
            Depth::Conflated if self.policy.slow_reader == SlowReader::Latest => {
                lost.conflated |= from < newest;
                from = from.max(newest);
            }
            Depth::Conflated => {}
            Depth::LastValues if self.policy.last_value => from = from.max(newest),
            Depth::LastValues => from = self.entries.len(),
        }
        if self.removed > read.after && self.removed_at > read.known {
            lost.removed = lost.removed.max(self.removed);
            lost.cuts |= self.policy.slow_reader == SlowReader::Cut;
        }
        self.entries.range(from..)
    }

    fn summary(&self, topic: Arc<Topic>) -> TopicSummary {
        let span = self.entries.front().zip(self.entries.back()).map(|(first, last)| (first.seq, last.seq));
        TopicSummary { topic, policy: self.policy, count: self.entries.len(), bytes: self.bytes, span }
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

fn seconds(millis: u64) -> u32 {
    u32::try_from(millis / 1000).unwrap_or(u32::MAX)
}
