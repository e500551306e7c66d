//! What leaves the index: records that pass a limit, and topics of which nothing is kept.

use sse_core::Topic;

use super::{Index, policy};
use crate::log::log_time::Reading;
use crate::log::topic_index::Limits;
use crate::log::topics::TopicId;
use crate::policy::SlowConsumer;
use crate::selectors::Selectors;

/// Most records of all topics that age removes at a time.
const AGED_AT_ONCE: usize = 50_000;
/// Of these, how many an idle topic counts as: its rows are written.
const IDLE_COST: usize = 5;
/// Topics that are forgotten at a time.
const FORGOTTEN_AT_ONCE: usize = 1000;

/// A topic that is gone, and what the file has to learn of it.
#[derive(Debug)]
pub(in crate::log) struct Deletion {
    pub(in crate::log) id: TopicId,
    pub(in crate::log) name: Topic,
    /// Up to which it had records.
    pub(in crate::log) seq: u64,
    /// Seqs of its records on disk.
    pub(in crate::log) on_disk: Vec<u64>,
    pub(in crate::log) is_stored: bool,
    /// A topic whose name is forgotten for that.
    pub(in crate::log) folded: Option<Box<str>>,
}

/// What was removed from a topic on disk.
#[derive(Debug)]
pub(in crate::log) struct Expired {
    pub(in crate::log) topic: TopicId,
    pub(in crate::log) seqs: Vec<u64>,
}

impl Index {
    /// Removes what passes a limit of these topics, each of which is named once. Gives what was on disk.
    pub(in crate::log) fn expire(
        &mut self,
        topics: impl IntoIterator<Item = TopicId>,
        reading: Reading,
    ) -> Vec<Expired> {
        self.removals.begin();
        let (now, mut most) = (self.now_seconds(reading), AGED_AT_ONCE);
        topics.into_iter().filter_map(|topic| self.expire_topic(topic, now, &mut most)).collect()
    }

    /// As [`Self::expire`], for the topics of which something is due.
    pub(in crate::log) fn expire_due(&mut self, reading: Reading) -> (Vec<Expired>, Vec<Deletion>) {
        self.removals.begin();
        let (now, mut most) = (self.now_seconds(reading), AGED_AT_ONCE);
        let (mut expired, mut idle) = (Vec::new(), Vec::new());
        while most > 0
            && let Some((time, topics)) = self.due.next(now)
        {
            for id in topics {
                if most == 0 {
                    self.due.add(time, id);
                    continue;
                }
                match self.topics.get_mut(id).filter(|topic| topic.due == time) {
                    Some(topic) => topic.due = 0,
                    None => continue,
                }
                if self.is_idle(id, now) {
                    most = most.saturating_sub(IDLE_COST);
                    let newest = self
                        .topics
                        .get(id)
                        .map_or(0, |topic| topic.newest().map_or(topic.removed, |newest| newest.seq));
                    idle.extend(self.take_out(id, newest));
                } else {
                    expired.extend(self.expire_topic(id, now, &mut most));
                }
            }
        }
        (expired, idle)
    }

    /// Somebody begins or ceases to have these topics open.
    pub(in crate::log) fn touch(&mut self, selectors: &Selectors, reading: Reading) {
        let active = self.active_at(reading);
        for topic in selectors.exact().into_iter().flatten() {
            if let Some(topic) = self.topics.id(topic).and_then(|id| self.topics.get_mut(id)) {
                topic.active = active;
            }
        }
    }

    /// Has nobody published to this topic, or had it open by name, for as long as its policy says?
    fn is_idle(&mut self, id: TopicId, now: i64) -> bool {
        let Some(topic) = self.topics.get_mut(id) else { return false };
        let Some(idle) = self.policies.by_rule(topic.rule).idle else { return false };
        let passed = now - i64::from(topic.active);
        let is_long = passed > i64::try_from(idle.as_secs()).unwrap_or(i64::MAX);
        if is_long && self.interest.is_open(&topic.name) {
            topic.active = u32::try_from(now).unwrap_or(0);
            return false;
        }
        is_long
    }

    fn expire_topic(&mut self, id: TopicId, now: i64, most: &mut usize) -> Option<Expired> {
        let Self { topics, policies, log_time, totals, in_memory, pieces, removals, due, empty, .. } = self;
        let topic = topics.get_mut(id)?;
        let policy = policy(policies, topic);
        let limits = Limits { policy, now, log_time };
        let (before, mut seqs) = (topic.removed, Vec::new());
        while topic.is_past_limit(&limits, most)
            && let Some((oldest, on_disk)) = topic.remove_oldest(removals.count(), totals)
        {
            if on_disk {
                pieces.removed(oldest.seq);
                seqs.push(oldest.seq);
            } else {
                in_memory.remove(&oldest.seq);
            }
        }
        if topic.removed > before {
            removals.add(&topic.name, topic.removed, policy.slow_consumer == SlowConsumer::Disconnect);
            if topic.len() == 0 {
                empty.insert((topic.removed, id));
            }
        }
        if topic.due == 0
            && let Some(time) = topic.next_due(&limits)
        {
            topic.due = time;
            due.add(time, id);
        }
        (!seqs.is_empty()).then_some(Expired { topic: id, seqs })
    }

    /// Removes the oldest records of this topic while topics in memory hold too much.
    pub(super) fn make_room_in_memory(&mut self, id: TopicId) {
        let most = self.policies.limits().memory_topics;
        while self.totals.in_memory > most
            && let Some(topic) = self.topics.get_mut(id)
            && topic.len() > 1
            && topic.oldest().is_some_and(|oldest| self.in_memory.contains_key(&oldest.seq))
        {
            let removed_at = self.removals.begin();
            if let Some((oldest, _)) = topic.remove_oldest(removed_at, &mut self.totals) {
                self.in_memory.remove(&oldest.seq);
                self.removals.add(&topic.name, oldest.seq, false);
            }
        }
    }

    fn now_seconds(&self, reading: Reading) -> i64 {
        self.log_time.now(reading).div_euclid(1000)
    }

    /// When there are many topics, some of those of which nothing is kept, whose records were removed longest ago.
    pub(in crate::log) fn to_forget(&self) -> Vec<TopicId> {
        if self.topics.len() < self.policies.limits().topics / 10 * 9 {
            return Vec::new();
        }
        self.empty.iter().take(FORGOTTEN_AT_ONCE).map(|(_, id)| *id).collect()
    }

    /// Takes topics of which nothing is kept out of the index.
    pub(in crate::log) fn forget(&mut self, topics: &[TopicId]) -> Vec<Deletion> {
        self.removals.begin();
        let removed = |id: &TopicId| Some((*id, self.topics.get(*id)?.removed));
        let topics: Vec<_> = topics.iter().filter_map(removed).collect();
        topics.into_iter().filter_map(|(id, seq)| self.take_out(id, seq)).collect()
    }

    /// Takes a topic out of the index with all that is kept. Readers that stood before this seq are told of a gap.
    pub(super) fn take_out(&mut self, id: TopicId, seq: u64) -> Option<Deletion> {
        let mut topic = self.remove_topic(id)?;
        let mut on_disk = Vec::new();
        while let Some((oldest, is_on_disk)) = topic.remove_oldest(0, &mut self.totals) {
            if is_on_disk {
                self.pieces.removed(oldest.seq);
                on_disk.push(oldest.seq);
            } else {
                self.in_memory.remove(&oldest.seq);
            }
        }
        let folded = self.removals.topic_gone(&topic.name, seq);
        Some(Deletion { id, name: topic.name, seq, on_disk, is_stored: topic.is_stored, folded })
    }

    /// Takes a deletion in, which has the next seq.
    pub(in crate::log) fn delete(&mut self, id: TopicId) -> Option<(Deletion, usize)> {
        self.head += 1;
        let count = self.topics.get(id)?.len();
        self.removals.begin();
        Some((self.take_out(id, self.head)?, count))
    }
}
