//! Which topics a stream wants: one topic, all below a prefix, or all.

use std::fmt;
use std::str::FromStr;

use crate::{Topic, TopicError};

/// One wish of a stream, written `news`, `chat/*` or `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Selector {
    /// `*`: every topic.
    All,
    /// `prefix/*`: every topic below the prefix, at any depth. The prefix itself is not one of them.
    Below(Topic),
    /// This topic alone.
    Exact(Topic),
}

/// Why a text cannot be a selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a selector is a topic name, `prefix/*` or `*`: {0}")]
pub struct SelectorError(TopicError);

impl Selector {
    /// Does this selector want `topic`?
    pub fn matches(&self, topic: &Topic) -> bool {
        match self {
            Self::All => true,
            Self::Exact(wanted) => wanted == topic,
            Self::Below(prefix) => is_below(topic, prefix),
        }
    }

    /// Does it want every topic that `other` wants?
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (selector, Self::Exact(topic)) => selector.matches(topic),
            (Self::Below(prefix), Self::Below(other)) => prefix == other || is_below(other, prefix),
            (Self::Below(_), Self::All) | (Self::Exact(_), _) => false,
        }
    }

    /// The topics that both want: those of one of the two, or none.
    pub fn intersection<'a>(&'a self, other: &'a Self) -> Option<&'a Self> {
        if self.contains(other) { Some(other) } else { other.contains(self).then_some(self) }
    }

    /// Is there a topic that both want?
    pub fn overlaps(&self, other: &Self) -> bool {
        self.intersection(other).is_some()
    }
}

fn is_below(topic: &Topic, prefix: &Topic) -> bool {
    topic.as_str().strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with('/'))
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Below(prefix) => write!(f, "{prefix}/*"),
            Self::Exact(topic) => topic.fmt(f),
        }
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        if text == "*" {
            return Ok(Self::All);
        }
        let selector = match text.strip_suffix("/*") {
            Some(prefix) => Topic::new(prefix).map(Self::Below),
            None => Topic::new(text).map(Self::Exact),
        };
        selector.map_err(SelectorError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str, topic: &str) -> bool {
        selector.parse::<Selector>().unwrap().matches(&Topic::new(topic).unwrap())
    }

    #[test]
    fn exact_wants_one_topic() {
        assert!(matches("chat", "chat"));
        assert!(!matches("chat", "chat/lobby"));
        assert!(!matches("chat", "Chat"));
    }

    #[test]
    fn below_wants_every_depth_but_not_the_prefix() {
        assert!(matches("chat/*", "chat/lobby"));
        assert!(matches("chat/*", "chat/eu/lobby"));
        assert!(!matches("chat/*", "chat"));
        assert!(!matches("chat/*", "chatter/x"));
    }

    #[test]
    fn two_intersect_in_one_of_them_or_in_nothing() {
        for (one, two, both) in [
            ("a", "a", Some("a")),
            ("a", "b", None),
            ("a/*", "a", None),
            ("a/*", "a/b", Some("a/b")),
            ("a/*", "a/*", Some("a/*")),
            ("a/*", "a/b/*", Some("a/b/*")),
            ("a/*", "ab/*", None),
            ("*", "a/b", Some("a/b")),
            ("*", "a/*", Some("a/*")),
            ("*", "*", Some("*")),
        ] {
            let [left, right] = [one, two].map(|text| text.parse::<Selector>().unwrap());
            let found = [left.intersection(&right), right.intersection(&left)];
            let both = both.map(|text| text.parse::<Selector>().unwrap());
            assert_eq!(found, [both.as_ref(); 2], "{one} {two}");
            assert_eq!(left.overlaps(&right), both.is_some());
        }
    }

    #[test]
    fn all_wants_everything() {
        assert!(matches("*", "chat/lobby"));
    }

    #[test]
    fn reads_back_what_it_writes_and_refuses_the_rest() {
        for text in ["*", "a/*", "a/b/*", "a", "a/b"] {
            assert_eq!(text.parse::<Selector>().unwrap().to_string(), text);
        }
        for text in ["", "/*", "*/a", "a/*/b", "a*", "**"] {
            assert!(text.parse::<Selector>().is_err(), "{text:?}");
        }
    }
}
