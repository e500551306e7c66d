//! Appending to a log: a batch of drafts goes in, a receipt comes out.

use std::fmt;
use std::time::Duration;

use sse_core::{Event, RecordId, Topic, encode};

use super::own_events;
use super::record::{Record, TIME_BYTES};
use crate::budget::Held;

/// An event on its way into the log.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Where it is published.
    pub topic: Topic,
    /// Its id, if it has one, is replaced by the record's.
    pub event: Event,
    /// How long the log gives it to readers. `None`: as long as it is kept.
    pub(crate) ttl: Option<Duration>,
    /// It closes the topic: nothing is published there any more.
    pub(crate) closes: bool,
}

impl Draft {
    /// An event for a topic.
    pub fn new(topic: Topic, event: Event) -> Self {
        Self { topic, event, ttl: None, closes: false }
    }

    /// The same, which readers get from the log for so long.
    pub fn with_ttl(self, ttl: Option<Duration>) -> Self {
        Self { ttl, ..self }
    }

    /// The end of a topic.
    pub fn end(topic: Topic) -> Self {
        let event = own_events::end(&topic);
        Self { closes: true, ..Self::new(topic, event) }
    }

    /// Most bytes of a frame: the event as it goes out, with id, topic, time and `data: ` before each line of its data.
    pub const MAX_FRAME_BYTES: usize = 2 << 20;

    /// Bytes of the frame with the longest id.
    pub fn frame_bytes(&self) -> usize {
        encode::record_len(&self.event, RecordId::MAX_BYTES, &self.topic, TIME_BYTES)
    }
}

/// A batch on its way into the log.
#[derive(Debug)]
pub struct Batch {
    /// At least one.
    pub drafts: Vec<Draft>,
    /// Idempotency key: names this batch, so that it is stored once however often it is sent.
    pub key: Option<Box<str>>,
    /// What it takes of the budget until it is stored.
    pub(crate) held: Option<Held>,
}

impl Batch {
    /// Most bytes of all frames together.
    pub const MAX_FRAME_BYTES: usize = 32 << 20;

    /// A batch that is still to be stored.
    pub fn new(drafts: Vec<Draft>, key: Option<Box<str>>) -> Self {
        Self { drafts, key, held: None }
    }

    /// Bytes of all frames, unless they are too many.
    pub(crate) fn frame_bytes(&self) -> Result<usize, AppendError> {
        let mut total = 0;
        for draft in &self.drafts {
            let bytes = draft.frame_bytes();
            if bytes > Draft::MAX_FRAME_BYTES {
                return Err(AppendError::EventTooLarge { bytes, max: Draft::MAX_FRAME_BYTES });
            }
            total += bytes;
        }
        match total <= Self::MAX_FRAME_BYTES {
            true => Ok(total),
            false => Err(AppendError::BatchTooLarge { bytes: total, max: Self::MAX_FRAME_BYTES }),
        }
    }

    /// Bytes of drafts and records until it is stored, when its frames have so many.
    pub(crate) fn held_bytes(&self, frames: usize) -> usize {
        let data: usize = self.drafts.iter().map(|draft| draft.event.data().len()).sum();
        frames + data + self.drafts.len() * (size_of::<Draft>() + size_of::<Record>())
    }
}

/// What a deletion has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    /// The place of it in the log.
    pub seq: u64,
    /// Records that were kept until then.
    pub count: usize,
}

/// Where a batch is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendReceipt {
    /// Seq of the first record; the others follow it one by one.
    pub first: u64,
    /// Records of the batch.
    pub count: u64,
    /// The key was known: nothing was stored now.
    pub repeated: bool,
}

/// What a limit of the log as a whole bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitedBytes {
    /// All topics in memory.
    MemoryTopics,
    /// All topics on disk.
    DiskTopics,
}

impl fmt::Display for LimitedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MemoryTopics => "topics in memory",
            Self::DiskTopics => "topics on disk",
        })
    }
}

/// Why a batch was not appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// No room where the records are kept. It may come back.
    #[error("the log is full")]
    Full,
    /// The records cannot be written for another reason. It may go away.
    #[error("the log cannot be written: {0}")]
    Unavailable(String),
    /// The write failed halfway and the records may be there or not, each once.
    #[error("the log cannot say whether it has the events: {0}")]
    Unknown(String),
    /// A topic would be one too many.
    #[error("there are {max} topics, the most there can be")]
    TooManyTopics {
        /// The limit.
        max: usize,
    },
    /// A topic would be one too many below its first segment. That limit holds while topics are scarce.
    #[error("there are {max} topics below `{segment}`, the most there can be while there are so many topics")]
    TooManyTopicsBelow {
        /// The first segment of the topic.
        segment: Box<str>,
        /// The limit.
        max: usize,
    },
    /// The topic of an event is closed.
    #[error("the topic `{topic}` is closed (event {nth} of the batch)")]
    TopicClosed {
        /// The topic.
        topic: Box<str>,
        /// Which of the batch, from 1 on.
        nth: usize,
    },
    /// The events would pass a limit of the log as a whole.
    #[error("{what} hold at most {max} bytes")]
    OverLimit {
        /// What is limited.
        what: LimitedBytes,
        /// The limit.
        max: u64,
    },
    /// The frame of an event would be too large, which many short lines of data can do.
    #[error("an event has {bytes} bytes on the wire, and at most {max} are possible")]
    EventTooLarge {
        /// What it would have.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The frames of the batch would be too large together.
    #[error("the batch has {bytes} bytes on the wire, and at most {max} are possible")]
    BatchTooLarge {
        /// What they would have.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The process holds as much as it may. It will give some of it back.
    #[error("the memory limit is reached")]
    OverBudget,
    /// The log has been closed.
    #[error("the log is closed")]
    Closed,
}
