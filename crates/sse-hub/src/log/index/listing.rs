//! Topics as people see them.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::Index;
use crate::log::read::{TopicList, TopicSummary};
use crate::log::topics::TopicId;

/// Records in memory of which the topics are listed first.
const NEWEST: usize = 8192;

impl Index {
    pub(in crate::log) fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// See [`Log::topics`](super::Log::topics).
    pub(in crate::log) fn summaries(&self, list: &TopicList) -> Vec<TopicSummary> {
        if list.newest_first {
            let topics = self.newest_topics(list).into_iter().filter_map(|(_, id)| self.topics.get(id));
            return topics.map(|topic| topic.summary(self.policy(topic))).collect();
        }
        let topics = self.topics.named(&list.prefix, list.after.as_ref()).take(list.limit);
        let topics = topics.filter_map(|name| self.topics.find(name));
        topics.map(|topic| topic.summary(self.policy(topic))).collect()
    }

    /// The topics with the newest records, and the seqs of these.
    fn newest_topics(&self, list: &TopicList) -> Vec<(Reverse<u64>, TopicId)> {
        let on_disk = self.newest.range(0).map(|placed| placed.topic);
        let in_memory = self.in_memory.values().rev().take(NEWEST).map(|record| record.topic_id);
        let ids: BTreeSet<TopicId> = on_disk.chain(in_memory).collect();
        let newest = |id: TopicId| {
            let topic = self.topics.get(id)?;
            let is_listed = topic.name.as_str().starts_with(&list.prefix);
            is_listed.then_some((Reverse(topic.newest()?.seq), id))
        };
        let mut topics: Vec<_> = ids.into_iter().filter_map(newest).collect();
        topics.sort_unstable();
        topics.truncate(list.limit);
        topics
    }
}
