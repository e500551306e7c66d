//! What leaves the index: records that pass a limit, and topics of which nothing is kept.

use std::sync::Arc;

use sse_core::Topic;

use super::{Index, policy};
use crate::log::log_time::Reading;
use crate::log::topic_index::Limits;
use crate::log::topics::TopicId;
use crate::policy::SlowConsumer;

/// Most records of all topics that age removes at a time.
const AGED_AT_ONCE: usize = 50_000;
/// Topics that are forgotten at a time.
const FORGOTTEN_AT_ONCE: usize = 1000;

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
    pub(in crate::log) fn expire_due(&mut self, reading: Reading) -> Vec<Expired> {
        self.removals.begin();
        let (now, mut most, mut expired) = (self.now_seconds(reading), AGED_AT_ONCE, Vec::new());
        while most > 0
            && let Some((time, topics)) = self.due.next(now)
        {
            for id in topics {
                match self.topics.get_mut(id).filter(|topic| topic.due == time) {
                    Some(topic) => topic.due = 0,
                    None => continue,
                }
                expired.extend(self.expire_topic(id, now, &mut most));
            }
        }
        expired
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
            && let Some(time) = topic.due(&limits)
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

    /// Forgets topics of which nothing is kept, but not that something was removed. Gives their names with the seqs up to which
    /// they had records, and names of others that are not known any more.
    pub(in crate::log) fn forget(&mut self, topics: &[TopicId]) -> (Vec<(Arc<Topic>, u64)>, Vec<Box<str>>) {
        self.removals.begin();
        let (mut gone, mut folded) = (Vec::new(), Vec::new());
        for topic in topics.iter().filter_map(|id| self.remove_topic(*id)).collect::<Vec<_>>() {
            folded.extend(self.removals.topic_gone(&topic.name, topic.removed));
            gone.push((topic.name, topic.removed));
        }
        (gone, folded)
    }
}
