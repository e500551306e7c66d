//! Which topics of a stream are closed. Once all are, nothing comes any more. Waits for nothing.

use std::collections::HashSet;

use sse_client::reqwest::Url;
use sse_client::{Event, HubBlock};

#[derive(Debug)]
pub(super) struct Ends {
    /// The topics of the stream; empty unless all are named.
    topics: HashSet<String>,
    /// Of these, the ones that are closed.
    closed: HashSet<String>,
}

impl Ends {
    /// Of the topics that the parameters of a URL name.
    pub(super) fn of(url: &Url) -> Self {
        let topics = url.query_pairs().filter(|(name, _)| name == "topic");
        let topics: HashSet<String> = topics.map(|(_, topic)| topic.into_owned()).collect();
        let are_named = !topics.iter().any(|topic| topic == "*" || topic.ends_with("/*"));
        Self { topics: if are_named { topics } else { HashSet::new() }, closed: HashSet::new() }
    }

    /// Takes the next event.
    pub(super) fn note(&mut self, event: &Event) {
        match (event.topic(), event.hub()) {
            (Some(topic), Some(HubBlock::End)) => {
                self.closed.extend(self.topics.get(topic).cloned());
            }
            // Deleted, or published again after that.
            (Some(topic), _) => {
                self.closed.remove(topic);
            }
            // What is missing may be that.
            (None, Some(HubBlock::Gap)) => self.closed.clear(),
            (None, _) => {}
        }
    }

    /// What has ended, in words, if that is all of the stream.
    pub(super) fn message(&self) -> Option<String> {
        if self.topics.is_empty() || self.closed.len() < self.topics.len() {
            return None;
        }
        Some(match self.topics.iter().collect::<Vec<_>>().as_slice() {
            [topic] => format!("the topic {topic} is closed"),
            _ => "all topics are closed".to_owned(),
        })
    }
}
