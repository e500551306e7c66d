//! Wire encoder: appends blocks to a byte buffer. Everything it writes, [`Decoder`](crate::Decoder) reads back.

use std::io::Write;
use std::time::Duration;

use crate::event::retry_millis;
use crate::{Event, EventId, EventType, HubBlock, RecordId, Topic};

/// Appends one event as a block: `event`, `id`, `topic`, `time`, `hub`, `retry` as far as they are set, then the data
/// line by line.
pub fn event(out: &mut Vec<u8>, event: &Event) {
    block(out, event, event.id().map(EventId::as_str), event.topic(), event.time());
}

/// Appends one event as [`event`] does, but with the id, the topic and the time of a record in place of its own.
pub fn record(out: &mut Vec<u8>, event: &Event, id: RecordId, topic: &Topic, time: &str) {
    block(out, event, Some(&id.to_string()), Some(topic.as_str()), Some(time));
}

/// Bytes that [`record`] appends for an id and a time of these lengths, without writing them.
pub fn record_len(event: &Event, id_bytes: usize, topic: &Topic, time_bytes: usize) -> usize {
    let event_type = event.event_type().map(|event_type| event_type.as_str().len());
    let hub = event.hub().map(|kind| kind.as_str().len());
    let retry = event.retry().map(|time| retry_millis(time).checked_ilog10().unwrap_or(0) as usize + 1);
    let fields = [
        ("event", event_type),
        ("id", Some(id_bytes)),
        ("topic", Some(topic.as_str().len())),
        ("time", Some(time_bytes)),
        ("hub", hub),
        ("retry", retry),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some(field_len(name, value?)));
    let data = event.data();
    let line_ends = memchr::memchr_iter(b'\n', data.as_bytes()).count();
    // The text between the lines' ends, then the end of the block.
    fields.sum::<usize>() + (line_ends + 1) * field_len("data", 0) + data.len() - line_ends + 1
}

fn block(out: &mut Vec<u8>, event: &Event, id: Option<&str>, topic: Option<&str>, time: Option<&str>) {
    let event_type = event.event_type().map(EventType::as_str);
    let hub = event.hub().map(HubBlock::as_str);
    for (name, value) in [("event", event_type), ("id", id), ("topic", topic), ("time", time), ("hub", hub)] {
        if let Some(value) = value {
            field(out, name, value);
        }
    }
    if let Some(time) = event.retry() {
        retry_field(out, time);
    }
    for line in event.data().split('\n') {
        field(out, "data", line);
    }
    out.push(b'\n');
}

/// Appends a block that fires nothing but moves the reader's last event id.
pub fn id_only(out: &mut Vec<u8>, id: &EventId) {
    field(out, "id", id.as_str());
    out.push(b'\n');
}

/// Appends a block that fires nothing but sets the reconnection time, in whole milliseconds.
pub fn retry(out: &mut Vec<u8>, time: Duration) {
    retry_field(out, time);
    out.push(b'\n');
}

/// Appends a comment, which readers skip. Text of several lines (CRLF, LF or CR) becomes several comment lines.
pub fn comment(out: &mut Vec<u8>, text: &str) {
    for line in text.replace("\r\n", "\n").split(['\n', '\r']) {
        field(out, "", line);
    }
    out.push(b'\n');
}

fn retry_field(out: &mut Vec<u8>, time: Duration) {
    // Writing to a Vec cannot fail.
    let _ = writeln!(out, "retry: {}", retry_millis(time));
}

/// `value` has no line end: the constructors of its type saw to that. The space is always there, because a
/// reader takes one away.
fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.push(b'\n');
}

/// Bytes of a [`field`] whose value has so many.
fn field_len(name: &str, value_bytes: usize) -> usize {
    name.len() + ": ".len() + value_bytes + "\n".len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn writes_every_field() {
        let all = Event::new("a\r\nb\rc\n")
            .with_type(EventType::new("tick").unwrap())
            .with_id(EventId::new("x-1").unwrap())
            .with_retry(Duration::from_micros(1_500_999));
        assert_eq!(
            wire(|out| event(out, &all)),
            "event: tick\nid: x-1\nretry: 1500\ndata: a\ndata: b\ndata: c\ndata: \n\n"
        );
    }

    #[test]
    fn a_record_has_its_own_id_topic_and_time() {
        let own = Event::new("x").with_id(EventId::new("mine").unwrap());
        let id = RecordId { epoch: crate::Epoch::from_bits(10), seq: 7 };
        let topic = Topic::new("chat/lobby").unwrap();
        assert_eq!(
            wire(|out| record(out, &own, id, &topic, "2026-11-22T08:17:38.747Z")),
            "id: 00000000000a-7\ntopic: chat/lobby\ntime: 2026-11-22T08:17:38.747Z\ndata: x\n\n"
        );
    }

    #[test]
    fn the_hubs_own_blocks_are_marked() {
        let gap = Event::new("x").with_hub(HubBlock::Gap);
        assert_eq!(wire(|out| event(out, &gap)), "hub: gap\ndata: x\n\n");
    }

    #[test]
    fn empty_data_still_makes_an_event() {
        assert_eq!(wire(|out| event(out, &Event::new(""))), "data: \n\n");
    }

    #[test]
    fn writes_blocks_that_fire_nothing() {
        assert_eq!(wire(|out| id_only(out, &EventId::new("e-9").unwrap())), "id: e-9\n\n");
        assert_eq!(wire(|out| retry(out, Duration::from_secs(3))), "retry: 3000\n\n");
    }

    #[test]
    fn a_comment_cannot_smuggle_in_a_field() {
        assert_eq!(wire(|out| comment(out, "a\r\ndata: b\rid: c\nd")), ": a\n: data: b\n: id: c\n: d\n\n");
    }
}
