//! Limits of the decoder, and the errors of events that pass them.

/// How much a peer can make the decoder hold, counted in bytes of the wire. A buffer may take twice that while it
/// grows, and bytes that are not UTF-8 take three times that as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest line in bytes, its end not counted. Default 4 MiB.
    pub max_line_bytes: usize,
    /// Largest event in bytes: the values of all fields of one block, and one byte more for each field. Comments
    /// are not counted. Default 16 MiB.
    pub max_event_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_line_bytes: 4 << 20, max_event_bytes: 16 << 20 }
    }
}

/// An event that was dropped because it passed a limit. There is exactly one error for each.
///
/// The decoder goes on with the next event, so a caller may carry on. The dropped event's id does not become
/// the last event id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A line passed [`Limits::max_line_bytes`].
    #[error("an event was dropped: it has a line of more than {max_bytes} bytes")]
    LineTooLong {
        /// The limit in force.
        max_bytes: usize,
    },
    /// A block passed [`Limits::max_event_bytes`].
    #[error("an event was dropped: it has more than {max_bytes} bytes")]
    EventTooLarge {
        /// The limit in force.
        max_bytes: usize,
    },
}
