//! Which records there are, topic by topic, and which are to go. Holds the records of memory topics; of disk
//! topics only where they are.

mod limits;
mod plan;

use std::collections::HashMap;
use std::sync::Arc;

use sse_core::{Epoch, RecordId, Topic};

use super::append::{AppendError, AppendReceipt, Draft};
use super::keys::Keys;
use super::log_time::{LogTime, Reading, Segment};
use super::read::TopicSummary;
use super::record::{Record, rfc3339};
use super::topic_index::{Entry, TopicIndex, Totals, seconds};
use crate::policy::{Durability, Policies};

pub(super) use plan::Plan;

/// Most topics. Each costs about 300 bytes, and a read of many topics looks at each of them.
pub(super) const MAX_TOPICS: usize = 10_000;
/// How many of them are for reserved topics alone, when some are.
const RESERVED_TOPICS: usize = MAX_TOPICS / 5;
/// From this many topics on, one first segment has at most [`MAX_SHARE`] of them.
const SCARCE: usize = MAX_TOPICS / 4 * 3;
const MAX_SHARE: usize = MAX_TOPICS / 4;
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
    /// Number of topics by first segment.
    segments: HashMap<Box<str>, usize>,
    totals: Totals,
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
            segments: HashMap::new(),
            totals: Totals::default(),
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
        let reserved = self.policies.is_reserved(topic);
        let max = if reserved == Some(false) { MAX_TOPICS - RESERVED_TOPICS } else { MAX_TOPICS };
        if self.topics.len() >= max {
            return Err(AppendError::TooManyTopics { max });
        }
        let segment = first_segment(topic);
        let share = self.segments.get(segment).copied().unwrap_or(0);
        if reserved != Some(true) && self.topics.len() >= SCARCE && share >= MAX_SHARE {
            return Err(AppendError::TooManyTopicsBelow { segment: segment.into(), max: MAX_SHARE });
        }
        let name = Arc::new(topic.clone());
        self.topic_entry(&name);
        Ok(name)
    }

    /// Adds a topic that was there before, however many there are.
    pub(super) fn restore_topic(&mut self, topic: Topic) -> Arc<Topic> {
        let name = Arc::new(topic);
        self.topic_entry(&name);
        name
    }

    /// Takes a topic of which nothing is kept out of the index.
    fn remove_topic(&mut self, topic: &Topic) -> Option<TopicIndex> {
        let kept = self.topics.remove(topic)?;
        let segment = first_segment(topic);
        if let Some(share) = self.segments.get_mut(segment) {
            *share -= 1;
            if *share == 0 {
                self.segments.remove(segment);
            }
        }
        Some(kept)
    }

    /// Forgets the topics of records that were not stored after all, if they have no others.
    pub(super) fn forget_unused<'a>(&mut self, topics: impl Iterator<Item = &'a Topic>) {
        for topic in topics {
            if self.topics.get(topic).is_some_and(|kept| kept.entries.is_empty() && kept.removed == 0) {
                self.remove_topic(topic);
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
            topics.into_iter().filter_map(|topic| self.remove_topic(topic)).map(|kept| kept.removed);
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
        self.topics.entry(Arc::clone(topic)).or_insert_with(|| {
            *self.segments.entry(first_segment(topic).into()).or_default() += 1;
            let mut policy = self.policies.of(topic);
            if self.all_in_memory || policy.durability == Durability::Memory {
                let most = self.policies.limits().memory_topic;
                policy.retention.bytes = Some(policy.retention.bytes.map_or(most, |bytes| bytes.min(most)));
            }
            TopicIndex::new(policy)
        })
    }

    /// Are the topic's records kept in memory?
    pub(super) fn is_in_memory(&self, topic: &Topic) -> bool {
        let in_memory = |kept: &TopicIndex| kept.policy.durability == Durability::Memory;
        self.all_in_memory || self.topics.get(topic).is_some_and(in_memory)
    }

    /// Makes records of a batch, with the seqs that come after `head`, if there is room for them behind `waiting`. They are not
    /// in the index yet.
    pub(super) fn assign_seqs(
        &mut self,
        drafts: &[Draft],
        epoch: Epoch,
        head: u64,
        stamp: u64,
        waiting: &mut Totals,
    ) -> Result<Vec<Arc<Record>>, AppendError> {
        let published = rfc3339(stamp);
        let record = |(seq, Draft { topic, event }): (u64, &Draft)| {
            let topic = self.intern(topic)?;
            let in_memory = self.is_in_memory(&topic);
            let record = Record::new(RecordId { epoch, seq }, topic, stamp, &published, event);
            Ok(Arc::new(Record { in_memory, ..record }))
        };
        let sequenced: Result<Vec<_>, _> = (head + 1..).zip(drafts).map(record).collect();
        let sequenced = sequenced.and_then(|records| self.check_limits(&records, waiting).map(|()| records));
        if sequenced.is_err() {
            self.forget_unused(drafts.iter().map(|draft| &draft.topic));
        }
        sequenced
    }

    /// Adds a record that is newer than all others. Holds it, unless it is on disk.
    pub(super) fn push(&mut self, record: &Arc<Record>) {
        let entry = Entry {
            seq: record.seq,
            seconds: seconds(record.time),
            bytes: u32::try_from(record.frame.len()).unwrap_or(u32::MAX),
            record: record.in_memory.then(|| Arc::clone(record)),
        };
        let mut totals = self.totals;
        let most = self.policies.limits().memory_topics;
        self.removals += 1;
        let removals = self.removals;
        let kept = self.topic_entry(&record.topic);
        kept.push(entry, &mut totals);
        let is_in_memory =
            |kept: &TopicIndex| kept.entries.front().is_some_and(|oldest| oldest.record.is_some());
        while record.in_memory && totals.in_memory > most && kept.entries.len() > 1 && is_in_memory(kept) {
            kept.remove_oldest(removals, &mut totals);
        }
        (self.totals, self.head) = (totals, record.seq);
    }

    /// Adds what was found on disk.
    pub(super) fn restore(&mut self, topic: &Topic, entry: Entry) {
        self.move_head(entry.seq);
        if let Some(kept) = self.topics.get_mut(topic) {
            kept.push(entry, &mut self.totals);
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
        kept.map_or_else(Vec::new, |kept| {
            kept.expire(now, &self.log_time, self.removals, &mut most, &mut self.totals)
        })
    }

    /// As [`Self::expire`], for all topics.
    pub(super) fn expire_all(&mut self, reading: Reading) -> Vec<(Arc<Topic>, Vec<u64>)> {
        self.removals += 1;
        let (now, removals, mut most) = (self.now_seconds(reading), self.removals, AGED_AT_ONCE);
        let (log_time, totals) = (&self.log_time, &mut self.totals);
        let expired = self.topics.iter_mut().map(|(topic, kept)| {
            (Arc::clone(topic), kept.expire(now, log_time, removals, &mut most, totals))
        });
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

    /// What is to be stored of log time: what it is now, and its segments if they have changed.
    pub(super) fn log_time_to_store(&mut self, now: Reading) -> (u64, Option<Vec<Segment>>) {
        let millis = u64::try_from(self.log_time.now(now)).unwrap_or(0);
        (millis, self.log_time.changed().map(<[_]>::to_vec))
    }

    /// Forgets the keys that are past their window.
    pub(super) fn expire_keys(&mut self, reading: Reading) -> Vec<Arc<str>> {
        self.keys.expire(u64::try_from(self.log_time.now(reading)).unwrap_or(0))
    }

    /// Remembers a key as of now.
    pub(super) fn insert_key(&mut self, key: Arc<str>, receipt: AppendReceipt, reading: Reading) {
        self.keys.insert(key, receipt, u64::try_from(self.log_time.now(reading)).unwrap_or(0));
    }

    pub(super) fn losses(&self) -> &[u64] {
        &self.losses
    }

    /// Notes that records before this seq, which has none itself, may be missing.
    pub(super) fn add_loss(&mut self, seq: u64) {
        self.move_head(seq);
        self.losses.push(seq);
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

fn first_segment(topic: &Topic) -> &str {
    topic.as_str().split('/').next().unwrap_or_default()
}
