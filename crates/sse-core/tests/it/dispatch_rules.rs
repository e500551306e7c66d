//! The standard's rules for the blank line, and what lasts over events and connections. Single lines are elsewhere.

use std::time::Duration;

use sse_core::{Decoder, Event, EventId, Limits};

use crate::probe::{Probe, data, decode_every_way};

fn last_ids(body: &str) -> Vec<String> {
    decode_every_way(body).items.into_iter().map(|item| item.unwrap().last_event_id).collect()
}

fn types(body: &str) -> Vec<Option<String>> {
    decode_every_way(body).items.into_iter().map(|item| item.unwrap().event_type).collect()
}

#[test]
fn lines_of_data_are_joined_by_lf_and_the_last_lf_goes() {
    assert_eq!(data("data: a\ndata: b\n\n"), ["a\nb"]);
    assert_eq!(data("data: a\ndata:\n\n"), ["a\n"]);
    assert_eq!(data("data:\ndata: a\n\n"), ["\na"]);
}

#[test]
fn empty_data_still_makes_an_event() {
    assert_eq!(data("data:\n\ndata\n\ndata: \n\n"), ["", "", ""]);
}

#[test]
fn a_block_without_data_fires_nothing() {
    assert_eq!(data("event: x\nid: 1\nretry: 2\n\nfoo: bar\n\n: comment\n\n"), [""; 0]);
}

#[test]
fn a_block_without_data_resets_the_type() {
    assert_eq!(types("event: x\n\ndata\n\n"), [None]);
    assert_eq!(types("event: x\ndata\n\ndata\n\n"), [Some("x".to_owned()), None]);
}

#[test]
fn a_block_without_data_moves_the_last_id() {
    let outcome = decode_every_way("id: 7\n\n");
    assert_eq!((outcome.items.len(), outcome.last_event_id.as_str()), (0, "7"));
    assert_eq!(last_ids("id: 7\n\ndata\n\n"), ["7"]);
}

#[test]
fn the_last_id_moves_at_the_blank_line_and_not_before() {
    assert_eq!(decode_every_way("id: 1\n\nid: 2\ndata: a\n").last_event_id, "1");
}

#[test]
fn an_id_lasts_until_changed() {
    assert_eq!(last_ids("id: 1\ndata\n\ndata\n\nid: 2\ndata\n\ndata\n\n"), ["1", "1", "2", "2"]);
    let second = decode_every_way("id: 1\ndata\n\ndata\n\n").items.remove(1).unwrap();
    assert_eq!(second.id, None, "the block itself has none");
}

#[test]
fn an_empty_id_resets() {
    assert_eq!(last_ids("id: 1\ndata\n\nid:\ndata\n\ndata\n\n"), ["1", "", ""]);
    assert_eq!(decode_every_way("id: 1\n\nid\n\n").last_event_id, "");
}

#[test]
fn retry_acts_at_once_also_without_data() {
    let mut decoder = Decoder::new();
    assert_eq!(decoder.feed(b"retry: 10\n").count(), 0);
    assert_eq!(decoder.retry(), Some(Duration::from_millis(10)), "at the end of its line");
    assert_eq!(decoder.feed(b"\nretry: x\n\ndata\n\n").count(), 1);
    assert_eq!(decoder.retry(), Some(Duration::from_millis(10)), "until a valid one changes it");
}

#[test]
fn an_unfinished_event_is_discarded_with_its_id() {
    let outcome = decode_every_way("id: 1\ndata: a\n\nid: 2\ndata: b\n");
    assert_eq!((outcome.items.len(), outcome.last_event_id.as_str()), (1, "1"));
}

#[test]
fn nothing_unfinished_lasts_over_a_restart() {
    let mut probe = Probe::new(Limits::default());
    for rest in [&b"event: x\nid: 2\ndata: lost\n"[..], b"id: 2\ndata: lo", b"\xEF\xBB", b"data: lost\r"] {
        probe.feed(rest);
        probe.restart();
        probe.feed(b"\n\ndata: a\n\n");
        let message = probe.outcome().items.last().unwrap().as_ref().unwrap();
        assert_eq!((message.data.as_str(), &message.event_type, &message.id), ("a", &None, &None));
        probe.restart();
    }
    assert_eq!((probe.outcome().items.len(), probe.outcome().last_event_id.as_str()), (4, ""));
}

#[test]
fn id_and_retry_last_over_a_restart() {
    let mut probe = Probe::new(Limits::default());
    probe.feed(b"id: 1\nretry: 10\ndata\n\n");
    probe.restart();
    probe.feed(b"data\n\n");
    assert_eq!(probe.outcome().items[1].as_ref().unwrap().last_event_id, "1");
    assert_eq!(probe.outcome().retry, Some(Duration::from_millis(10)));
}

#[test]
fn a_new_connection_may_start_with_a_byte_order_mark() {
    let mut probe = Probe::new(Limits::default());
    for _ in 0..2 {
        probe.feed("\u{feff}data: a\n\n".as_bytes());
        probe.restart();
    }
    assert_eq!(probe.outcome().items.len(), 2);
}

#[test]
fn a_stored_id_is_the_first_last_id() {
    let mut decoder = Decoder::new().with_last_event_id(&EventId::new("kept").unwrap());
    assert_eq!(decoder.last_event_id(), "kept");
    let events: Vec<Event> = decoder.feed(b"data: a\n\n").map(Result::unwrap).collect();
    assert_eq!(events, [Event::new("a")]);
    assert_eq!(decoder.last_event_id(), "kept");
}

#[test]
fn the_iterator_tells_the_last_id_of_each_event() {
    let mut decoder = Decoder::new();
    let mut events = decoder.feed(b"id: 1\ndata\n\nid: 2\n\ndata\n\nid: 3\n\n");
    for expected in ["1", "2"] {
        assert!(matches!(events.next(), Some(Ok(_))));
        assert_eq!(events.last_event_id(), expected);
    }
    assert_eq!(events.next(), None);
    assert_eq!(decoder.last_event_id(), "3");
}
