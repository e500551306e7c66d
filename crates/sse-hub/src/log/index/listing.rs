//! Topics as people see them.

use std::collections::HashSet;
use std::iter::from_fn;

use super::Index;
use crate::log::read::{TopicList, TopicSummary};

/// Records in memory of which the topics are listed first.
const NEWEST: usize = 8192;

impl Index {
    pub(in crate::log) fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// See [`Log::topics`](super::Log::topics).
    pub(in crate::log) fn summaries(&self, list: &TopicList) -> Vec<TopicSummary> {
        if list.newest_first {
            return self.newest_topics(list);
        }
        let topics = self.topics.named(&list.prefix, list.after.as_ref()).take(list.limit);
        let topics = topics.filter_map(|name| self.topics.find(name));
        topics.map(|topic| topic.summary(self.policy(topic))).collect()
    }

    /// The topics with the newest records.
    fn newest_topics(&self, list: &TopicList) -> Vec<TopicSummary> {
        let on_disk = self.newest.range(0).rev().map(|placed| (placed.entry.seq, placed.topic));
        let in_memory = self.in_memory.iter().rev().take(NEWEST).map(|(seq, record)| (*seq, record.topic_id));
        let (mut on_disk, mut in_memory) = (on_disk.peekable(), in_memory.peekable());
        let newest_first =
            from_fn(|| if on_disk.peek() > in_memory.peek() { on_disk.next() } else { in_memory.next() });
        let mut listed = HashSet::new();
        let topics =
            newest_first.filter(|(_, id)| listed.insert(*id)).filter_map(|(_, id)| self.topics.get(id));
        let topics = topics.filter(|topic| topic.len() > 0 && topic.name.as_str().starts_with(&list.prefix));
        topics.take(list.limit).map(|topic| topic.summary(self.policy(topic))).collect()
    }
}
