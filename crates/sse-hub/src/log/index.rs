//! Which records there are, topic by topic, and which are to go. Holds the records of memory topics; of disk
//! topics only where they are.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use sse_core::{Epoch, RecordId, Topic};

use super::append::{AppendError, AppendReceipt, Draft};
use super::keys::Keys;
use super::log_time::{LogTime, Reading};
use super::read::{Lost, Read, ReadMode, TopicSummary};
use super::record::{Record, rfc3339};
use super::topic_index::{Entry, TopicIndex, seconds};
use crate::policy::{Durability, Policies};
use crate::selectors::Selectors;
use crate::start::Seek;

/// Most topics. Each costs about 300 bytes, and a read of many topics looks at each of them.
pub(super) const MAX_TOPICS: usize = 10_000;
/// From this many topics on, topics without retained records are removed, at most so many at a time.
const MANY_TOPICS: usize = MAX_TOPICS / 10 * 9;
const FORGOTTEN_AT_ONCE: usize = 1000;
/// Most records of all topics that age removes at a time.
const AGED_AT_ONCE: usize = 50_000;

/// The records that can be read.
#[derive(Debug)]
pub(super) struct Index {
    policies: Policies,
    /// Every topic is in memory, whatever its policy says.
    all_in_memory: bool,
    /// Seq of the newest record, 0 before the first.
    head: u64,
    topics: HashMap<Arc<Topic>, TopicIndex>,
    /// Counts what was removed, so that readers can say which of it they know.
    removals: u64,
    forgotten: Forgotten,
    keys: Keys,
    log_time: LogTime,
    /// Places where records of an earlier epoch may be missing, oldest first: after them, a seq without a record.
    losses: Vec<u64>,
}

/// What was forgotten with its topic: a reader that stood before it may have lost records.
#[derive(Debug, Clone, Copy, Default)]
struct Forgotten {
    /// Seq of the newest such record, 0 when there is none.
    newest: u64,
    /// What [`Index::removals`] was then.
    at: u64,
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
            forgotten: Forgotten::default(),
            keys: Keys::default(),
            log_time: LogTime::default(),
            losses: Vec::new(),
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
    pub(super) fn intern(&mut self, topic: &Topic) -> Result<Arc<Topic>, AppendError> {
        if let Some((name, _)) = self.topics.get_key_value(topic) {
            return Ok(Arc::clone(name));
        }
        if self.topics.len() >= MAX_TOPICS {
            return Err(AppendError::TooManyTopics { max: MAX_TOPICS });
        }
        let name = Arc::new(topic.clone());
        self.topic_entry(&name);
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

    /// When there are many topics, some of those of which nothing is kept, whose records were removed longest ago.
    pub(super) fn to_forget(&self) -> Vec<Arc<Topic>> {
        if self.topics.len() < MANY_TOPICS {
            return Vec::new();
        }
        let empty = self.topics.iter().filter(|(_, kept)| kept.entries.is_empty());
        let mut empty: Vec<_> = empty.map(|(topic, kept)| (kept.removed, Arc::clone(topic))).collect();
        empty.sort_unstable();
        empty.into_iter().take(FORGOTTEN_AT_ONCE).map(|(_, topic)| topic).collect()
    }

    /// Forgets topics of which nothing is kept, but not that something was removed.
    pub(super) fn forget<'a>(&mut self, topics: impl IntoIterator<Item = &'a Arc<Topic>>) {
        let removed =
            topics.into_iter().filter_map(|topic| self.topics.remove(topic)).map(|kept| kept.removed);
        let newest = removed.max().unwrap_or(0);
        self.set_forgotten(newest);
    }

    /// Records up to this seq may have been forgotten with their topics.
    pub(super) fn set_forgotten(&mut self, seq: u64) {
        if seq > self.forgotten.newest {
            self.removals += 1;
            self.forgotten = Forgotten { newest: seq, at: self.removals };
        }
    }

    /// Seq of the newest record that was forgotten with its topic, 0 when none was.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten.newest
    }

    fn topic_entry(&mut self, topic: &Arc<Topic>) -> &mut TopicIndex {
        self.topics.entry(Arc::clone(topic)).or_insert_with(|| TopicIndex::new(self.policies.of(topic)))
    }

    /// Are the topic's records kept in memory?
    pub(super) fn is_in_memory(&self, topic: &Topic) -> bool {
        let in_memory = |kept: &TopicIndex| kept.policy.durability == Durability::Memory;
        self.all_in_memory || self.topics.get(topic).is_some_and(in_memory)
    }

    /// Makes records of a batch, with the seqs that come after `head`. They are not in the index yet.
    pub(super) fn assign_seqs(
        &mut self,
        drafts: &[Draft],
        epoch: Epoch,
        head: u64,
        stamp: u64,
    ) -> Result<Vec<Arc<Record>>, AppendError> {
        let published = rfc3339(stamp);
        let record = |(seq, Draft { topic, event }): (u64, &Draft)| {
            let topic = self.intern(topic)?;
            let in_memory = self.is_in_memory(&topic);
            let record = Record::new(RecordId { epoch, seq }, topic, stamp, &published, event);
            Ok(Arc::new(Record { in_memory, ..record }))
        };
        let sequenced: Result<_, _> = (head + 1..).zip(drafts).map(record).collect();
        if sequenced.is_err() {
            self.forget_unused(drafts.iter().map(|draft| &draft.topic));
        }
        sequenced
    }

    /// Adds a record that is newer than all others. Holds it, unless it is on disk.
    pub(super) fn push(&mut self, record: &Arc<Record>) {
        self.topic_entry(&record.topic).push(Entry {
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
    pub(super) fn expire(&mut self, topic: &Topic, reading: Reading) -> Vec<u64> {
        self.removals += 1;
        let (now, mut most) = (self.now_seconds(reading), AGED_AT_ONCE);
        let kept = self.topics.get_mut(topic);
        kept.map_or_else(Vec::new, |kept| kept.expire(now, &self.log_time, self.removals, &mut most))
    }

    /// As [`Self::expire`], for all topics.
    pub(super) fn expire_all(&mut self, reading: Reading) -> Vec<(Arc<Topic>, Vec<u64>)> {
        self.removals += 1;
        let (now, removals, mut most) = (self.now_seconds(reading), self.removals, AGED_AT_ONCE);
        let expired = self
            .topics
            .iter_mut()
            .map(|(topic, kept)| (Arc::clone(topic), kept.expire(now, &self.log_time, removals, &mut most)));
        expired.filter(|(_, seqs)| !seqs.is_empty()).collect()
    }

    fn now_seconds(&self, reading: Reading) -> i64 {
        self.log_time.now(reading).div_euclid(1000)
    }

    /// Looks at the clock before something is appended or expires.
    pub(super) fn look_at_time(&mut self, reading: Reading) {
        self.log_time.look(self.head + 1, reading);
    }

    pub(super) fn log_time(&mut self) -> &mut LogTime {
        &mut self.log_time
    }

    /// Forgets the keys that are past their window.
    pub(super) fn expire_keys(&mut self, reading: Reading) -> Vec<Arc<str>> {
        self.keys.expire(u64::try_from(self.log_time.now(reading)).unwrap_or(0))
    }

    /// Remembers a key as of now.
    pub(super) fn insert_key(&mut self, key: Arc<str>, receipt: AppendReceipt, reading: Reading) {
        self.keys.insert(key, receipt, u64::try_from(self.log_time.now(reading)).unwrap_or(0));
    }

    /// Notes that records before this seq, which has none itself, may be missing.
    pub(super) fn add_loss(&mut self, seq: u64) {
        self.move_head(seq);
        self.losses.push(seq);
    }

    /// Where the records are that `read` wants.
    pub(super) fn plan(&self, read: &Read) -> Plan {
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
        let mut bytes = 0;
        while let Some(Reverse((seq, nth))) = next.pop() {
            if let Some(loss) = loss.filter(|loss| seq > *loss) {
                plan.complete_to = loss - 1;
                break;
            }
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

    pub(super) fn losses(&self) -> &[u64] {
        &self.losses
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
    pub(super) fn seek(&self, selectors: &Selectors, seek: Seek) -> u64 {
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

    pub(super) fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// Every topic, in no order.
    pub(super) fn summaries(&self) -> Vec<TopicSummary> {
        self.topics.iter().map(|(topic, kept)| kept.summary(Arc::clone(topic))).collect()
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
