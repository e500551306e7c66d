//! The text of an `id:` field. Not the hub's own id: that is `RecordId`, which has a form.

use std::fmt;

/// A value for the `id:` field: any text without CR, LF and NUL. Empty means "reset the last event id".
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(Box<str>);

/// Why a text cannot be an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventIdError {
    /// A line end would end the field early and let the rest of the text forge other fields.
    #[error("an id cannot contain a line end (byte {at}): it would end the field on the wire")]
    LineEnd {
        /// Byte offset of the CR or LF.
        at: usize,
    },
    /// Readers ignore an id with a NUL, so they could not resume from it.
    #[error("an id cannot contain a NUL character (byte {at}): readers ignore such an id")]
    Nul {
        /// Byte offset of the NUL.
        at: usize,
    },
}

impl EventId {
    /// Checks `text` and takes it as an id.
    ///
    /// # Errors
    /// When `text` holds CR, LF or NUL; the error names the first such byte.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, EventIdError> {
        let text = text.into();
        match text.bytes().enumerate().find(|(_, byte)| matches!(byte, b'\r' | b'\n' | 0)) {
            None => Ok(Self(text)),
            Some((at, 0)) => Err(EventIdError::Nul { at }),
            Some((at, _)) => Err(EventIdError::LineEnd { at }),
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a value that cannot hold a line end or a NUL, because the decoder has looked.
    pub(crate) fn from_wire(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_would_break_the_field() {
        assert_eq!(EventId::new("a\nb"), Err(EventIdError::LineEnd { at: 1 }));
        assert_eq!(EventId::new("\r"), Err(EventIdError::LineEnd { at: 0 }));
        assert_eq!(EventId::new("ab\0"), Err(EventIdError::Nul { at: 2 }));
    }

    #[test]
    fn takes_any_other_text() {
        for text in ["", "7", " leading space", "a:b", "Ünïcødé ✓", "\u{feff}"] {
            assert_eq!(EventId::new(text).unwrap().as_str(), text);
        }
    }
}
