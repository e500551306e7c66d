//! Fuzz target: whatever a publisher puts into events, ids and comments, a reader sees that and nothing else. Not a
//! test of the decoder on foreign bytes.
//!
//! Input: text of entries parted by U+001E, their fields parted by U+001F. The first field is the kind: `e` event with
//! data, type, id and retry; `i` id alone; `r` retry alone; anything else is a comment.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use sse_core::{Event, EventId, EventType, Limits};

#[path = "../../crates/sse-core/tests/it/entry.rs"]
mod entry;
#[path = "../../crates/sse-core/tests/it/model.rs"]
mod model;
#[path = "../../crates/sse-core/tests/it/probe.rs"]
// The tests use more of it.
#[allow(dead_code)]
mod probe;

use entry::{Entry, write_all};
use model::Outcome;
use probe::decode;

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let entries: Vec<Entry> = text.split('\u{1e}').filter_map(entry).collect();
    let (wire, expected) = write_all(&entries);
    assert!(!wire.contains(&b'\r'), "the encoder knows one line end");
    assert_eq!(Outcome::of(&wire), expected, "the reference reads it back");
    assert_eq!(decode(Limits::default(), [wire.as_slice()]), expected, "the decoder reads it back");
    assert_eq!(decode(Limits::default(), wire.chunks(7)), expected, "in pieces too");
});

fn entry(text: &str) -> Option<Entry> {
    let mut fields = text.split('\u{1f}');
    let kind = fields.next()?;
    let value = fields.next().unwrap_or_default();
    match kind {
        "e" => Some(Entry::Event(event(value, fields))),
        "i" => id(value).map(Entry::IdOnly),
        "r" => milliseconds(value).map(Entry::Retry),
        _ => Some(Entry::Comment(text.to_owned())),
    }
}

fn event<'a>(data: &str, mut fields: impl Iterator<Item = &'a str>) -> Event {
    let event = Event::new(data);
    assert_eq!(event.data().replace('\n', ""), data.replace(['\r', '\n'], ""), "only line ends change");
    let event = fields.next().and_then(event_type).into_iter().fold(event, Event::with_type);
    let event = fields.next().and_then(id).into_iter().fold(event, Event::with_id);
    fields.next().and_then(milliseconds).into_iter().fold(event, Event::with_retry)
}

fn event_type(text: &str) -> Option<EventType> {
    let event_type = EventType::new(text).ok();
    assert_eq!(event_type.is_none(), text.is_empty() || text.contains(['\r', '\n']), "{text:?}");
    event_type
}

fn id(text: &str) -> Option<EventId> {
    let id = EventId::new(text).ok();
    assert_eq!(id.is_none(), text.contains(['\r', '\n', '\0']), "{text:?}");
    id
}

fn milliseconds(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_millis)
}
