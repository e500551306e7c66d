//! The events of the workload. No two have the same data, and each is parsed back from its data.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};

/// All topics of the test are below this.
pub(crate) const TOPIC_PREFIX: &str = "workload/";
/// The type of all events, which tells them from the hub's greeting.
pub(crate) const EVENT_TYPE: &str = "workload";
/// Number of topics.
pub(crate) const TOPICS: usize = 8;

/// What texts are made of: line ends and characters that JSON escapes among them.
const CHARS: [char; 11] = ['a', 'b', 'c', ' ', '\n', '"', '\\', ':', 'ä', '✓', '😀'];
/// Longest text of an event.
const MAX_CHARS: usize = 600;

/// Name of the `nth` topic.
pub(crate) fn topic(nth: usize) -> String {
    format!("{TOPIC_PREFIX}{nth}")
}

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Payload {
    /// `event TOPIC PUBLISHER COUNT`
    Event { topic: usize, publisher: usize, count: usize },
    /// `end TOPIC`: the last event of its topic.
    End { topic: usize },
}

impl Payload {
    /// The last event of all.
    pub(crate) const LAST: Self = Self::End { topic: TOPICS - 1 };

    pub(crate) fn topic(self) -> usize {
        match self {
            Self::Event { topic, .. } | Self::End { topic } => topic,
        }
    }

    /// The idempotency key under which it is sent again.
    pub(super) fn key(self) -> String {
        self.to_string().replace(' ', "-")
    }

    /// `NAME|TEXT`; the text is of any length and always the same for the same event.
    pub(crate) fn data(self) -> String {
        let (publisher, count) = match self {
            Self::Event { publisher, count, .. } => (publisher, count),
            Self::End { .. } => (0, 0),
        };
        let mut random = fastrand::Rng::with_seed((count ^ publisher << 40) as u64);
        let length = random.usize(..MAX_CHARS) >> random.u32(..10);
        let text = std::iter::repeat_with(|| random.choice(CHARS).unwrap_or(' '));
        format!("{self}|{}|", text.take(length).collect::<String>())
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

/// From the data of an event.
impl FromStr for Payload {
    type Err = anyhow::Error;

    fn from_str(data: &str) -> Result<Self> {
        let (name, _) = data.split_once('|').unwrap_or((data, ""));
        let mut words = name.split(' ');
        let kind = words.next();
        let numbers = words.map(str::parse).collect::<Result<Vec<usize>, _>>()?;
        let payload = match (kind, numbers.as_slice()) {
            (Some("event"), &[topic, publisher, count]) => Self::Event { topic, publisher, count },
            (Some("end"), &[topic]) => Self::End { topic },
            _ => return None.with_context(|| format!("nobody published {data:?}")),
        };
        ensure!(payload.data() == data, "`{payload}` has other data: {data:?}");
        Ok(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_reads_back() {
        for payload in [Payload::Event { topic: 7, publisher: 63, count: 12 }, Payload::LAST] {
            assert_eq!(payload.data().parse::<Payload>().unwrap(), payload);
            assert!((payload.data() + "x").parse::<Payload>().is_err());
        }
        for text in ["", "event 1 2", "end", "end x", "end 0", "event 1 2 3 4||"] {
            assert!(text.parse::<Payload>().is_err(), "{text:?}");
        }
    }
}
