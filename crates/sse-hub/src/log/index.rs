//! Which records there are, topic by topic, and which are to go. Holds the records of memory topics; of disk
//! topics only where they are.

mod expiry;
mod limits;
mod listing;
mod plan;
mod restoring;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sse_core::{Epoch, RecordId, Topic};

use super::append::{AppendError, AppendReceipt, Draft};
use super::due::Due;
use super::entries::Entry;
use super::figures::{GroupFigures, LogFigures};
use super::keys::Keys;
use super::log_time::{LogTime, Reading, Segment};
use super::newest::{Newest, Placed};
use super::pieces::Pieces;
use super::record::{Record, rfc3339};
use super::removals::{Removals, first_segment};
use super::topic_index::{TopicIndex, Totals, short};
use super::topics::{TopicId, Topics};
use crate::interest::Interest;
use crate::policy::{Durability, Policies, Policy};
use crate::selectors::Selectors;
use crate::tallies::{Tallies, Tally};

pub(super) use expiry::{Deletion, Expired};
pub(super) use plan::{Plan, Planned};

/// The records that can be read.
#[derive(Debug)]
pub(super) struct Index {
    policies: Policies,
    /// Every topic is in memory, whatever its policy says.
    all_in_memory: bool,
    interest: Interest,
    /// How often a topic was closed.
    closes: u64,
    /// Seq of the newest record, 0 before the first.
    head: u64,
    topics: Topics,
    totals: Totals,
    published: Tallies,
    /// Records of all topics in memory, by seq.
    in_memory: BTreeMap<u64, Arc<Record>>,
    newest: Newest,
    pieces: Pieces,
    /// Topics of which nothing is kept, with the seq up to which they had something.
    empty: BTreeSet<(u64, TopicId)>,
    removals: Removals,
    due: Due,
    keys: Keys,
    log_time: LogTime,
    /// Places where records of an earlier epoch may be missing, oldest first: after them, a seq without a record.
    losses: Vec<u64>,
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
            interest: Interest::default(),
            closes: 0,
            head,
            topics: Topics::default(),
            totals: Totals::default(),
            published: Tallies::default(),
            in_memory: BTreeMap::new(),
            newest: Newest::default(),
            pieces: Pieces::default(),
            empty: BTreeSet::new(),
            removals: Removals::default(),
            due: Due::default(),
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

    /// As far as the index knows them.
    pub(super) fn figures(&self) -> LogFigures {
        let Totals { events, removed, in_memory, on_disk } = self.totals;
        LogFigures {
            groups: GroupFigures::default(),
            topics: self.topics.len(),
            events,
            bytes_on_disk: on_disk,
            bytes_in_memory: in_memory,
            removed,
            file_bytes: [0; 2],
            published: self.published.clone(),
        }
    }

    /// The number of a topic; makes it if need be, and adds it to those that were made.
    fn intern(&mut self, topic: &Topic, made_ones: &mut Vec<TopicId>) -> Result<TopicId, AppendError> {
        if let Some(id) = self.topics.id(topic) {
            return Ok(id);
        }
        self.check_place(topic)?;
        let mut made = self.new_topic(topic.clone());
        made.since = self.head;
        if let Some(removed) = self.removals.topic_is_back(topic) {
            (made.removed, made.removed_at) = (removed, self.removals.count());
        }
        let has_last_value = self.policy(&made).last_value;
        let id = self.topics.insert(made);
        made_ones.push(id);
        if has_last_value {
            self.topics.set_last_value(id);
        }
        Ok(id)
    }

    fn new_topic(&self, topic: Topic) -> TopicIndex {
        let rule = self.policies.rule(&topic);
        let in_memory = self.all_in_memory || self.policies.by_rule(rule).durability == Durability::Memory;
        TopicIndex::new(topic, rule, in_memory)
    }

    /// Treats topics by these policies from now on; what they do not keep goes when the topics are expired. Those that are on disk or
    /// in memory stay there: gives how many should be the other.
    pub(super) fn set_policies(&mut self, policies: Policies) -> usize {
        self.policies = policies;
        let Self { topics, policies, all_in_memory, .. } = self;
        let mut kept = 0;
        topics.each_mut(|topic| {
            (topic.rule, topic.due) = (policies.rule(&topic.name), 0);
            let in_memory = policies.by_rule(topic.rule).durability == Durability::Memory;
            kept += usize::from(!*all_in_memory && in_memory != topic.is_in_memory());
        });
        topics.set_last_values(|topic| policies.by_rule(topic.rule).last_value);
        kept
    }

    /// How a topic is treated.
    fn policy(&self, topic: &TopicIndex) -> Policy {
        policy(&self.policies, topic)
    }

    /// Takes a topic out of the index. Its number is not free before [`Self::release`].
    fn remove_topic(&mut self, id: TopicId) -> Option<TopicIndex> {
        let topic = self.topics.remove(id)?;
        self.empty.remove(&(topic.removed, id));
        Some(topic)
    }

    /// The file has nothing of this topic any more.
    pub(super) fn release(&mut self, id: TopicId) {
        self.topics.release(id);
    }

    /// Forgets a topic that was made for records that were not stored after all, if it has no others.
    pub(super) fn forget_unused(&mut self, id: TopicId) {
        let is_unused = |topic: &TopicIndex| topic.newest().is_none() && !topic.is_stored;
        if self.topics.get(id).is_some_and(is_unused)
            && let Some(topic) = self.remove_topic(id)
        {
            self.topics.release(id);
            if topic.removed > 0 {
                self.removals.topic_gone(&topic.name, topic.removed);
            }
        }
    }

    /// The topic has a row in the file.
    pub(super) fn set_stored(&mut self, id: TopicId) {
        if let Some(topic) = self.topics.get_mut(id) {
            topic.is_stored = true;
        }
    }

    pub(super) fn topic_id(&self, topic: &Topic) -> Option<TopicId> {
        self.topics.id(topic)
    }

    pub(super) fn topic(&self, id: TopicId) -> Option<&TopicIndex> {
        self.topics.get(id)
    }

    pub(super) fn topics(&self) -> impl Iterator<Item = (TopicId, &TopicIndex)> {
        self.topics.iter()
    }

    /// Makes records of a batch, with the seqs that come after `head`, if there is room for them behind `waiting`. They are not
    /// in the index yet.
    pub(super) fn assign_seqs(
        &mut self,
        drafts: &[Draft],
        epoch: Epoch,
        head: u64,
        reading: Reading,
        waiting: &mut Totals,
    ) -> Result<Vec<Arc<Record>>, AppendError> {
        let stamp = reading.stamp();
        let (published, now) = (rfc3339(stamp), self.log_time.now_millis(reading));
        let (mut closed, mut made) = (Vec::new(), Vec::new());
        let record = |(seq, draft): (u64, &Draft)| {
            let topic_id = self.intern(&draft.topic, &mut made)?;
            let Some(topic) = self.topics.get(topic_id) else { return Err(AppendError::Closed) };
            if topic.is_closed || closed.contains(&topic_id) {
                let nth = usize::try_from(seq - head).unwrap_or(0);
                return Err(AppendError::TopicClosed { topic: draft.topic.as_str().into(), nth });
            }
            if draft.closes {
                closed.push(topic_id);
            }
            let (id, in_memory, closes) = (RecordId { epoch, seq }, topic.is_in_memory(), draft.closes);
            let record = Record::new(id, topic.name.clone(), stamp, &published, &draft.event);
            let ttl = draft.ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
            let expires = ttl.map_or(0, |ttl| now.saturating_add(ttl).max(1));
            let rule = short(topic.rule);
            Ok(Arc::new(Record { in_memory, topic_id, closes, expires, rule, ..record }))
        };
        let sequenced: Result<Vec<_>, _> = (head + 1..).zip(drafts).map(record).collect();
        let sequenced = sequenced.and_then(|records| self.check_limits(&records, waiting).map(|()| records));
        if sequenced.is_err() {
            // Only those: others may be waiting to be stored for another batch.
            made.into_iter().rev().for_each(|id| self.forget_unused(id));
        }
        sequenced
    }

    /// Adds a record that is newer than all others. Holds it, unless it is on disk.
    pub(super) fn push(&mut self, record: &Arc<Record>, reading: Reading) {
        self.head = record.seq;
        let active = self.active_at(reading);
        let id = record.topic_id;
        let Some(topic) = self.topics.get_mut(id) else { return };
        if topic.len() == 0 {
            self.empty.remove(&(topic.removed, id));
        }
        topic.push(record, &mut self.totals);
        self.published.add(record.rule, Tally { events: 1, bytes: record.frame.len() as u64 });
        topic.active = active;
        if record.closes {
            topic.is_closed = true;
            self.closes += 1;
        }
        if !record.in_memory {
            self.newest.push(Placed { topic: id, entry: Entry::of(record) });
            return;
        }
        self.in_memory.insert(record.seq, Arc::clone(record));
        self.make_room_in_memory(id);
    }

    /// Now, as topics note it.
    fn active_at(&self, reading: Reading) -> u32 {
        u32::try_from(self.log_time.now(reading).div_euclid(1000)).unwrap_or(0)
    }

    /// Where a topic ends that these drafts would close and nothing else, if it is closed already.
    pub(super) fn known_end(&self, drafts: &[Draft]) -> Option<AppendReceipt> {
        let [Draft { topic, closes: true, .. }] = drafts else { return None };
        let topic = self.topics.find(topic).filter(|topic| topic.is_closed)?;
        Some(AppendReceipt { first: topic.newest()?.seq, count: 1, repeated: true })
    }

    /// How often a topic was closed.
    pub(super) fn closes(&self) -> u64 {
        self.closes
    }

    /// The last seq of these topics, if every one is named and closed.
    pub(super) fn end(&self, selectors: &Selectors) -> Option<u64> {
        let mut end = None;
        for topic in selectors.exact()? {
            let topic = self.topics.find(topic).filter(|topic| topic.is_closed)?;
            end = end.max(topic.newest().map(|newest| newest.seq));
        }
        end
    }

    /// Topics that are open by name do not go when they are idle.
    pub(super) fn set_interest(&mut self, interest: Interest) {
        self.interest = interest;
    }

    /// A piece is in the file, behind all others: its last seq, how many of its records are kept, and its first record.
    pub(super) fn add_piece(&mut self, last: u64, kept: u32, start: Option<Entry>) {
        self.pieces.push(last, kept, start);
    }

    pub(super) fn pieces(&mut self) -> &mut Pieces {
        &mut self.pieces
    }

    /// Is this record kept?
    pub(super) fn has_record(&self, topic: &Topic, seq: u64) -> bool {
        self.topics.find(topic).is_some_and(|topic| topic.has(seq))
    }

    /// Is this record on disk, and kept?
    pub(super) fn has(&self, placed: &Placed) -> bool {
        self.topics.get(placed.topic).is_some_and(|topic| topic.has(placed.entry.seq))
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
        (self.log_time.now_millis(now), self.log_time.changed().map(<[_]>::to_vec))
    }

    /// Forgets the keys that are past their window.
    pub(super) fn expire_keys(&mut self, reading: Reading) -> Vec<Arc<str>> {
        self.keys.expire(self.log_time.now_millis(reading))
    }

    /// Remembers a key as of now.
    pub(super) fn insert_key(&mut self, key: Arc<str>, receipt: AppendReceipt, reading: Reading) {
        self.keys.insert(key, receipt, self.log_time.now_millis(reading));
    }

    pub(super) fn keys(&mut self) -> &mut Keys {
        &mut self.keys
    }

    pub(super) fn losses(&self) -> &[u64] {
        &self.losses
    }

    pub(super) fn removals(&mut self) -> &mut Removals {
        &mut self.removals
    }
}

fn policy(policies: &Policies, topic: &TopicIndex) -> Policy {
    let mut policy = policies.by_rule(topic.rule);
    if topic.is_in_memory() {
        let most = policies.limits().memory_topic;
        policy.retention.bytes = Some(policy.retention.bytes.map_or(most, |bytes| bytes.min(most)));
    }
    policy
}
