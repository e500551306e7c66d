//! One entry of the log, and what becomes one.

use bytes::Bytes;
use sse_core::{Event, RecordId, Topic, encode};

/// An event on its way into the log.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) topic: Topic,
    /// Its id, if it has one, is replaced by the record's.
    pub(crate) event: Event,
}

/// An event with its place in the log.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) seq: u64,
    pub(crate) topic: Topic,
    /// The event as it goes out, id included. Encoded once, here.
    pub(crate) frame: Bytes,
}

impl Record {
    pub(crate) fn new(id: RecordId, Draft { topic, event }: Draft) -> Self {
        let mut frame = Vec::with_capacity(event.data().len() + 64);
        encode::event(&mut frame, &event.with_id(id.to_event_id()));
        Self { seq: id.seq, topic, frame: frame.into() }
    }
}
