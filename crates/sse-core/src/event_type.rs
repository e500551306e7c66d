//! The text of an `event:` field, which picks the listener in a browser.

use std::fmt;

/// A value for the `event:` field: any text that is not empty and has no CR or LF.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventType(Box<str>);

/// Why a text cannot be an event type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventTypeError {
    /// On the wire an empty type means the same as none.
    #[error("an event type cannot be empty: leave it out, and readers get `message`")]
    Empty,
    /// A line end would end the field early and let the rest of the text forge other fields.
    #[error("an event type cannot contain a line end (byte {at}): it would end the field on the wire")]
    LineEnd {
        /// Byte offset of the CR or LF.
        at: usize,
    },
}

impl EventType {
    /// Checks `text` and takes it as an event type.
    ///
    /// # Errors
    /// When `text` is empty or holds CR or LF; the error names the first such byte.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, EventTypeError> {
        let text = text.into();
        if text.is_empty() {
            return Err(EventTypeError::Empty);
        }
        match text.bytes().position(|byte| matches!(byte, b'\r' | b'\n')) {
            None => Ok(Self(text)),
            Some(at) => Err(EventTypeError::LineEnd { at }),
        }
    }

    /// The event type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a value that cannot hold a line end, because the decoder has looked.
    pub(crate) fn from_wire(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.into()))
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_would_break_the_field() {
        assert_eq!(EventType::new(""), Err(EventTypeError::Empty));
        assert_eq!(EventType::new("a\rb"), Err(EventTypeError::LineEnd { at: 1 }));
        assert_eq!(EventType::new("ab\n"), Err(EventTypeError::LineEnd { at: 2 }));
    }
}
