//! Where a subscription or a page starts: what is asked for. The [`Hub`](crate::Hub) finds the place in the log.

use sse_core::payload::GapReason;

/// What a reader asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// What is published from now on.
    Now,
    /// What comes after this id, as the reader sent it.
    After(String),
    /// What is kept, from here on. What retention has removed already is no loss to this reader.
    Kept(Seek),
}

/// A place among the records that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seek {
    /// Before the oldest.
    Earliest,
    /// Before the newest so many.
    Last(usize),
    /// Before the first that was appended at this time or later, in seconds since 1970.
    Since(u32),
}

/// The place in the log that a [`Start`] means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Position {
    /// After the newest record.
    Head(u64),
    /// After this seq, and what is gone already is no loss.
    Kept(u64),
    /// After this seq of this log.
    After(u64),
    /// After this seq, because the id that was asked for is not of this log.
    Unknown {
        /// The id.
        requested: String,
        /// Where to go on: at the end of the id's epoch if that is known, else before everything that is kept.
        after: u64,
        /// [`GapReason::UnknownId`] or [`GapReason::Lost`].
        reason: GapReason,
    },
}

impl Position {
    /// The seq that reading goes on after.
    pub(crate) fn seq(&self) -> u64 {
        match self {
            Self::Head(seq) | Self::Kept(seq) | Self::After(seq) | Self::Unknown { after: seq, .. } => *seq,
        }
    }
}
