//! Topics as people see them.

use std::collections::HashSet;
use std::iter::from_fn;

use sse_core::Selector;

use super::Index;
use crate::log::read::{TopicList, TopicSummary};
use crate::log::topic_index::TopicIndex;

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
            return self.newest_topics(list);
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
        let is_listed = |topic: &&TopicIndex| {
            topic.name.as_str().starts_with(&list.prefix) && list.selectors.match_topic(&topic.name)
        };
        let topics = topics.filter(|topic| topic.len() > 0).filter(is_listed);
        topics.take(list.limit).map(|topic| topic.summary(self.policy(topic))).collect()
    }
}
