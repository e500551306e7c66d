//! Where a reader starts: what it asks for, and the place in the log that this means.

use sse_core::RecordId;

use super::Hub;
use crate::log::Seek;
use crate::selectors::Selectors;

/// What a reader asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// What is published from now on.
    Now,
    /// Everything that is kept.
    Earliest,
    /// What is kept from here on.
    Kept(Seek),
    /// What comes after this id, as the reader sent it.
    After(String),
}

/// Where that is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// After the newest record.
    Head(u64),
    /// After this seq, and what is gone already is no loss: the reader asked for what is kept.
    Kept(u64),
    /// After this seq of this log.
    After(u64),
    /// Before everything that is kept, because the id is not of this log.
    Unknown(String),
}

impl Start {
    /// The place in the log as it is now. What is appended later is after it.
    pub(super) fn place(self, hub: &Hub, selectors: &Selectors) -> Place {
        let head = hub.head();
        match self {
            Self::Now => Place::Head(head),
            Self::Earliest => Place::Kept(0),
            Self::Kept(seek) => Place::Kept(hub.seek(selectors, seek)),
            Self::After(id) => match id.parse() {
                Ok(RecordId { epoch, seq }) if epoch == hub.epoch() && seq <= head => Place::After(seq),
                _ => Place::Unknown(id),
            },
        }
    }
}

impl Place {
    /// The seq that reading goes on after.
    pub(crate) fn seq(&self) -> u64 {
        match self {
            Self::Head(seq) | Self::Kept(seq) | Self::After(seq) => *seq,
            Self::Unknown(_) => 0,
        }
    }
}
