//! Topics as people see them.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use sse_core::Selector;

use super::Index;
use crate::log::read::{TopicList, TopicSummary};
use crate::log::topics::TopicId;

/// Records in memory of which the topics are listed first.
const NEWEST: usize = 8192;

/// A part of all names in their order: those that begin with `start`, or this one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    start: String,
    is_name: bool,
}

/// The parts that a list goes through, however many other names there are. Sorted and apart, so that no topic comes twice.
fn parts(list: &TopicList) -> Vec<Part> {
    let part = |selector: &Selector| {
        let (start, is_name) = match selector {
            Selector::All => (String::new(), false),
            Selector::Below(prefix) => (format!("{prefix}/"), false),
            Selector::Exact(topic) => (topic.to_string(), true),
        };
        if start.starts_with(&list.prefix) {
            return Some(Part { start, is_name });
        }
        let has_prefix = !is_name && list.prefix.starts_with(&start);
        has_prefix.then(|| Part { start: list.prefix.clone(), is_name })
    };
    let mut parts: Vec<Part> = list.selectors.iter().filter_map(part).collect();
    parts.sort_unstable();
    parts.dedup_by(|part, before| !before.is_name && part.start.starts_with(&before.start));
    parts
}

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
        let parts = parts(list);
        let names = parts.iter().flat_map(|Part { start, is_name }| {
            let names = self.topics.named(start, list.after.as_ref());
            names
                .take(if *is_name { 1 } else { usize::MAX })
                .filter(move |name| !is_name || name.as_str() == start)
        });
        let topics = names.take(list.limit).filter_map(|name| self.topics.find(name));
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
            let is_listed = is_listed && list.selectors.match_topic(&topic.name);
            is_listed.then_some((Reverse(topic.newest()?.seq), id))
        };
        let mut topics: Vec<_> = ids.into_iter().filter_map(newest).collect();
        topics.sort_unstable();
        topics.truncate(list.limit);
        topics
    }
}
