//! One entry of the log, and what becomes one.

use std::sync::Arc;

use bytes::Bytes;
use sse_core::{Event, RecordId, Topic, encode};

/// An event on its way into the log.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) topic: Topic,
    /// Its id, if it has one, is replaced by the record's.
    pub(crate) event: Event,
}

/// A batch on its way into the log.
#[derive(Debug)]
pub(crate) struct Append {
    /// At least one.
    pub(crate) drafts: Vec<Draft>,
    /// Names this batch, so that it is stored once however often it is sent.
    pub(crate) key: Option<Box<str>>,
}

/// Where a batch is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    /// Seq of the first record; the others follow it one by one.
    pub(crate) first: u64,
    pub(crate) count: u64,
    /// The key was known: nothing was stored now.
    pub(crate) repeated: bool,
}

/// An event with its place in the log.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) seq: u64,
    pub(crate) topic: Arc<Topic>,
    /// Milliseconds since 1970, when it was appended.
    pub(crate) time: u64,
    /// It is kept in memory alone.
    pub(crate) in_memory: bool,
    /// The event as it goes out, id and topic included. Encoded once, in [`Record::new`].
    pub(crate) frame: Bytes,
}

impl Record {
    /// A record that is on disk, or about to be.
    pub(crate) fn new(id: RecordId, topic: Arc<Topic>, time: u64, event: &Event) -> Self {
        let mut frame = Vec::with_capacity(event.data().len() + topic.as_str().len() + 104);
        let published = jiff::Timestamp::from_millisecond(time.cast_signed()).unwrap_or_default();
        encode::record(&mut frame, event, id, &topic, &format!("{published:.3}"));
        Self { seq: id.seq, topic, time, in_memory: false, frame: frame.into() }
    }
}
