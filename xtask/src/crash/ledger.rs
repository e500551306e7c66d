//! What was published in a crash test: every event that was tried, and the id of each that was acknowledged.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result};

/// All topics of the test are below this.
pub(super) const PREFIX: &str = "crash/";
/// Number of topics.
pub(super) const TOPICS: usize = 8;

/// Name of the `nth` topic.
pub(super) fn topic(nth: usize) -> String {
    format!("{PREFIX}{nth}")
}

/// The data of one event; no other event has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Payload {
    /// `event TOPIC PUBLISHER COUNT`
    Event { topic: usize, publisher: usize, count: u64 },
    /// `end TOPIC`: the last event of its topic.
    End { topic: usize },
}

impl Payload {
    pub(super) fn topic(self) -> usize {
        match self {
            Self::Event { topic, .. } | Self::End { topic } => topic,
        }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { topic, publisher, count } => write!(f, "event {topic} {publisher} {count}"),
            Self::End { topic } => write!(f, "end {topic}"),
        }
    }
}

impl FromStr for Payload {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut words = text.split(' ');
        let kind = words.next();
        let numbers = words.map(str::parse).collect::<Result<Vec<u64>, _>>()?;
        match (kind, numbers.as_slice()) {
            (Some("event"), &[topic, publisher, count]) => Ok(Self::Event {
                topic: usize::try_from(topic)?,
                publisher: usize::try_from(publisher)?,
                count,
            }),
            (Some("end"), &[topic]) => Ok(Self::End { topic: usize::try_from(topic)? }),
            _ => None.with_context(|| format!("nobody published {text:?}")),
        }
    }
}

/// What one publisher did.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Every event that was sent, whatever became of it.
    pub(super) tried: Vec<Payload>,
    /// Every event that was acknowledged, with its seq.
    pub(super) acknowledged: Vec<(u64, Payload)>,
}

impl Ledger {
    pub(super) fn add(&mut self, other: Self) {
        self.tried.extend(other.tried);
        self.acknowledged.extend(other.acknowledged);
    }
}

/// The seq of an id. All ids of a test have one epoch, since nobody deletes the data.
pub(super) fn seq(id: &str) -> Result<u64> {
    let id = id.parse::<sse_core::RecordId>().with_context(|| format!("{id:?} is no id"))?;
    Ok(id.seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_read_back() {
        for payload in [Payload::Event { topic: 7, publisher: 63, count: 12 }, Payload::End { topic: 0 }] {
            assert_eq!(payload.to_string().parse::<Payload>().unwrap(), payload);
        }
        for text in ["", "event 1 2", "end", "end x", "event 1 2 3 4"] {
            assert!(text.parse::<Payload>().is_err(), "{text:?}");
        }
    }
}
