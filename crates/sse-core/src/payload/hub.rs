//! The hub itself: what the data of its own blocks says.

use serde::{Deserialize, Serialize};

/// `GET /dashboard-events`: the `connected` event that opens the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// For people.
    pub message: String,
}

/// Data of a `gap` event: what the subscriber asked for and cannot get any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The id that the subscriber asked to resume from, as it was sent.
    pub requested: String,
    /// The id of the oldest event that follows; the newest id of all when nothing is kept.
    pub first: String,
    /// Why the events between are not there.
    pub reason: GapReason,
}

/// Why a subscriber cannot get what it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapReason {
    /// The id is not of this log: of another one's epoch, or no id of ours at all.
    UnknownId,
    /// Events after the id have been removed by retention.
    Expired,
    /// Events of an earlier life of the log may be missing: they were in memory, its files were damaged, or it is an older
    /// copy of what it was.
    Lost,
    /// Events are damaged where they are stored.
    Damaged,
    /// The topic was deleted, with everything that was kept of it.
    Deleted,
    /// The subscriber was too slow and the topic's policy moved it forward.
    Slow,
    /// A reason that came after this version: a subscriber must know of the loss all the same. No hub sends it.
    #[serde(other)]
    Other,
}

/// Data of an `end` event: the topic has been closed, and nothing follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The topic.
    pub topic: String,
}

/// The greeting of `GET /events`, and what the clock says every 5 s.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerTime {
    /// RFC 3339 with milliseconds, UTC.
    pub time: String,
    /// For people.
    pub message: String,
}
