//! One entry of the log.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sse_core::{Event, RecordId, Topic, encode};

use crate::tallies::Tallies;

/// Records that were appended together, in order. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RecordBatch {
    records: Arc<[Arc<Record>]>,
    published: Instant,
}

impl RecordBatch {
    /// Of publish requests of which the oldest came at this time.
    pub(crate) fn new(records: Vec<Arc<Record>>, published: Instant) -> Self {
        Self { records: records.into(), published }
    }

    /// When the oldest of its publish requests came.
    pub fn published(&self) -> Instant {
        self.published
    }
}

/// Of now.
impl<const N: usize> From<[Arc<Record>; N]> for RecordBatch {
    fn from(records: [Arc<Record>; N]) -> Self {
        Self::new(records.into(), Instant::now())
    }
}

impl Deref for RecordBatch {
    type Target = [Arc<Record>];

    fn deref(&self) -> &Self::Target {
        &self.records
    }
}

/// An event with its place in the log.
#[derive(Debug)]
pub struct Record {
    /// Hub-wide sequence number.
    pub seq: u64,
    /// Where it was published.
    pub topic: Topic,
    /// Milliseconds since 1970, when it was appended.
    pub time: u64,
    /// It is kept in memory alone.
    pub in_memory: bool,
    /// It closes its topic.
    pub(crate) closes: bool,
    /// From then on it is not given to readers, in milliseconds of log time; 0 for never.
    pub(crate) expires: u64,
    /// Number of the topic in the log, as long as the record is on its way there.
    pub(crate) topic_id: u32,
    /// Number of the rule that its topic follows, [`Tallies::NO_RULE`] for what the log itself says.
    pub(crate) rule: u16,
    /// The event as it goes out, with id, topic and time. Encoded once, in `Record::new`.
    pub frame: Bytes,
}

/// Bytes of a time on the wire; see [`rfc3339`].
pub(super) const TIME_BYTES: usize = "2026-11-22T08:17:38.747Z".len();

impl Record {
    /// A record that is on disk, or about to be. `published` is `time` as the wire has it.
    pub(crate) fn new(id: RecordId, topic: Topic, time: u64, published: &str, event: &Event) -> Self {
        let len = encode::record_len(event, RecordId::MAX_BYTES, &topic, published.len());
        let mut frame = Vec::with_capacity(len);
        encode::record(&mut frame, event, id, &topic, published);
        Self {
            seq: id.seq,
            topic,
            time,
            in_memory: false,
            closes: false,
            expires: 0,
            topic_id: 0,
            rule: Tallies::NO_RULE,
            frame: frame.into(),
        }
    }
}

impl Record {
    /// Is it not given to readers any more, at this log time in milliseconds?
    pub(super) fn has_expired(&self, now: u64) -> bool {
        self.expires != 0 && self.expires <= now
    }
}

/// The frames of records, back to back. That of one alone is not copied.
pub(crate) fn joined(records: &[Arc<Record>]) -> Bytes {
    if let [one] = records {
        return one.frame.clone();
    }
    let mut frames = Vec::with_capacity(records.iter().map(|record| record.frame.len()).sum());
    records.iter().for_each(|record| frames.extend_from_slice(&record.frame));
    frames.into()
}

/// Milliseconds since 1970 as events carry the time: RFC 3339 with milliseconds, UTC.
pub(crate) fn rfc3339(millis: u64) -> String {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    format!("{:.3}", jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX))
}
