//! The fields of the block being read. Turns into an event at the blank line; knows nothing of line ends.

use std::sync::Arc;
use std::time::Duration;

use super::limits::DecodeError;
use crate::event::WireFields;
use crate::{Event, EventId, EventType, HubBlock};

/// What the lines since the last blank line have set.
#[derive(Debug)]
pub(super) struct Block {
    max_bytes: usize,
    fields: Fields,
    /// The topic that came last: most blocks repeat it, and then share it.
    topic: Option<Arc<str>>,
    /// Bytes of all values so far, replaced ones included, and one more for each: even a field without a value
    /// must not come for ever.
    bytes: usize,
    /// The block has passed a limit: drop the rest of it.
    discarding: bool,
}

#[derive(Debug, Default)]
struct Fields {
    wire: WireFields,
    /// Lines joined by LF; `None` until the first `data` field.
    data: Option<Vec<u8>>,
}

impl Block {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, fields: Fields::default(), topic: None, bytes: 0, discarding: false }
    }

    /// Forgets the block.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.max_bytes);
    }

    /// Forgets the block and ignores its lines up to the blank line. False if it did so already.
    pub(super) fn discard(&mut self) -> bool {
        let first = !self.discarding;
        self.clear();
        self.discarding = true;
        first
    }

    /// Takes in one line that is not blank. Gives the reconnection time if the line sets one, since that acts
    /// at once.
    pub(super) fn field(&mut self, line: &[u8]) -> Result<Option<Duration>, DecodeError> {
        let (name, value) = split(line);
        if self.discarding || name.is_empty() {
            return Ok(None);
        }
        self.bytes = self.bytes.saturating_add(value.len() + 1);
        if self.bytes > self.max_bytes {
            self.discard();
            return Err(DecodeError::EventTooLarge { max_bytes: self.max_bytes });
        }
        if name == b"topic" {
            self.set_topic(value);
        }
        Ok(self.fields.set(name, value))
    }

    /// The blank line: moves the last event id, then gives the event if there is data.
    pub(super) fn finish(&mut self, last_event_id: &mut String) -> Option<Event> {
        self.bytes = 0;
        self.discarding = false;
        let Fields { wire, data } = std::mem::take(&mut self.fields);
        if let Some(id) = &wire.id {
            id.as_str().clone_into(last_event_id);
        }
        Some(Event::from_wire(wire, text(data?)))
    }

    fn set_topic(&mut self, value: &[u8]) {
        if self.topic.as_ref().is_none_or(|topic| topic.as_bytes() != value) {
            self.topic = Some(String::from_utf8_lossy(value).into());
        }
        self.fields.wire.topic.clone_from(&self.topic);
    }
}

impl Fields {
    fn set(&mut self, name: &[u8], value: &[u8]) -> Option<Duration> {
        match name {
            b"data" => self.push_data(value),
            b"event" => self.wire.event_type = EventType::from_wire(&String::from_utf8_lossy(value)),
            b"time" => self.wire.time = Some(String::from_utf8_lossy(value).into()),
            b"hub" => self.wire.hub = Some(HubBlock::from_wire(value)),
            b"id" if !value.contains(&0) => {
                self.wire.id = Some(EventId::from_wire(&String::from_utf8_lossy(value)));
            }
            b"retry" => {
                let time = milliseconds(value);
                self.wire.retry = time.or(self.wire.retry);
                return time;
            }
            _ => {}
        }
        None
    }

    fn push_data(&mut self, value: &[u8]) {
        match &mut self.data {
            None => self.data = Some(value.to_vec()),
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
        }
    }
}

/// Name and value of a field: cut at the first colon, one space after it goes. A comment has an empty name.
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = memchr::memchr(b':', line) else {
        return (line, &[]);
    };
    let (name, rest) = line.split_at(colon);
    let value = rest.strip_prefix(b":").unwrap_or(rest);
    (name, value.strip_prefix(b" ").unwrap_or(value))
}

/// A value of ASCII digits only. What is too large for 64 bits becomes the largest value.
fn milliseconds(value: &[u8]) -> Option<Duration> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |sum: u64, byte: &u8| sum.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    Some(Duration::from_millis(value.iter().fold(0, digit)))
}

/// Bytes as text, what is not UTF-8 replaced by U+FFFD. Line by line or as a whole, the result is the same:
/// a line end is ASCII and so never part of a longer sequence.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
