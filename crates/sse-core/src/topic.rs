//! What an event is published to: a name with a checked grammar.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use arcstr::ArcStr;

/// A topic name: one or more segments of ASCII letters, digits and `. _ - ~ : @`, separated by `/`.
///
/// At most [`Topic::MAX_BYTES`] bytes. A segment is neither empty nor `.` nor `..`, since URLs cannot carry
/// those. `*` is left out because selectors use it. Upper and lower case differ. A clone shares the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(ArcStr);

/// Why a text cannot be a topic name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Nothing there.
    #[error("a topic name cannot be empty")]
    Empty,
    /// Longer than [`Topic::MAX_BYTES`].
    #[error("a topic name has at most {} bytes, this one has {bytes}", Topic::MAX_BYTES)]
    TooLong {
        /// Length of the refused text.
        bytes: usize,
    },
    /// A character outside the grammar.
    #[error(
        "a topic name cannot contain {found:?} (byte {at}): use ASCII letters, digits, `. _ - ~ : @`, and `/` between segments"
    )]
    Character {
        /// The first character outside the grammar.
        found: char,
        /// Its byte offset.
        at: usize,
    },
    /// A segment that is empty, `.` or `..`.
    #[error("a topic name cannot have the segment {segment:?}: segments are not empty, `.` or `..`")]
    Segment {
        /// The refused segment.
        segment: String,
    },
}

impl Topic {
    /// Longest topic name: 255 bytes, so that it fits every file system and a log line.
    pub const MAX_BYTES: usize = 255;

    /// Checks `text` and takes it as a topic name.
    ///
    /// # Errors
    /// When `text` does not follow the grammar; the error says where and what to change.
    pub fn new(text: impl AsRef<str>) -> Result<Self, TopicError> {
        let text = text.as_ref();
        if text.is_empty() {
            return Err(TopicError::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(TopicError::TooLong { bytes: text.len() });
        }
        if let Some((at, found)) = text.char_indices().find(|(_, c)| !is_topic_char(*c)) {
            return Err(TopicError::Character { found, at });
        }
        if let Some(segment) = text.split('/').find(|segment| matches!(*segment, "" | "." | "..")) {
            return Err(TopicError::Segment { segment: segment.to_owned() });
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_topic_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | ':' | '@' | '/')
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A topic is found by its name.
impl Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_names_of_one_and_more_segments() {
        for name in ["metrics", "chat/lobby", "a/b/c", "v1.2/x_y-z~", "user:7@eu", &"x".repeat(255)] {
            assert_eq!(Topic::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_name() {
        assert_eq!(Topic::new(""), Err(TopicError::Empty));
        assert_eq!(Topic::new("x".repeat(256)), Err(TopicError::TooLong { bytes: 256 }));
        assert_eq!(Topic::new("a b"), Err(TopicError::Character { found: ' ', at: 1 }));
        assert_eq!(Topic::new("chat/*"), Err(TopicError::Character { found: '*', at: 5 }));
        assert_eq!(Topic::new("né"), Err(TopicError::Character { found: 'é', at: 1 }));
        for name in ["/a", "a/", "a//b", "a/../b", "."] {
            assert!(matches!(Topic::new(name), Err(TopicError::Segment { .. })), "{name}");
        }
    }
}
