//! The standard's rules for one line: comments, names and values, what each field takes. Blank lines are elsewhere.

use std::time::Duration;

use crate::model::Message;
use crate::probe::{data, decode_every_way};

fn single(body: impl AsRef<[u8]>) -> Message {
    let [item] = <[_; 1]>::try_from(decode_every_way(body).items).unwrap();
    item.unwrap()
}

fn retry(value: &str) -> Option<u64> {
    let time = decode_every_way(format!("retry: 5\nretry{value}\n")).retry;
    time.map(|time| u64::try_from(time.as_millis()).unwrap())
}

#[test]
fn a_line_that_starts_with_a_colon_is_a_comment() {
    assert_eq!(data(":\n: x\n:data: no\ndata: a\n:\n\n"), ["a"]);
}

#[test]
fn a_comment_does_not_part_the_lines_around_it() {
    assert_eq!(data("data: a\n: heartbeat\ndata: b\n\n"), ["a\nb"]);
}

#[test]
fn the_name_ends_at_the_first_colon() {
    assert_eq!(data("data:a: b:c\n\n"), ["a: b:c"]);
    assert_eq!(data("data::\n\n"), [":"]);
}

#[test]
fn one_space_after_the_colon_goes() {
    assert_eq!(data("data:a\n\ndata: a\n\ndata:  a\n\ndata:\ta\n\ndata: \n\n"), ["a", "a", " a", "\ta", ""]);
}

#[test]
fn trailing_spaces_stay() {
    assert_eq!(data("data: a  \n\n"), ["a  "]);
}

#[test]
fn a_line_without_a_colon_is_a_field_with_an_empty_value() {
    assert_eq!(data("data\n\ndata\ndata\n\n"), ["", "\n"]);
    assert_eq!(single("event: x\nevent\ndata\n\n").event_type, None);
    assert_eq!(single("id: x\nid\ndata\n\n").id.as_deref(), Some(""));
}

#[test]
fn names_are_compared_literally() {
    for name in ["Data", "DATA", "data ", " data", "dat", "datax", "\u{feff}data", "data\0", "ｄata"] {
        assert_eq!(data(format!("x: y\n{name}: no\n{name}\ndata: a\n\n")), ["a"], "{name:?}");
    }
    for name in ["Event", "event ", "ID", "Id", "id ", "iD", "Retry", "retry "] {
        let outcome = decode_every_way(format!("{name}: 7\ndata: a\n\n"));
        let message = outcome.items[0].as_ref().unwrap();
        assert_eq!((&message.event_type, &message.id, outcome.retry), (&None, &None, None), "{name:?}");
    }
}

#[test]
fn the_last_event_field_wins() {
    assert_eq!(single("event: a\nevent: b\ndata\n\n").event_type.as_deref(), Some("b"));
    assert_eq!(single("event: a\nevent:\ndata\n\n").event_type, None);
}

#[test]
fn a_type_may_be_message_by_name() {
    assert_eq!(single("event: message\ndata\n\n").event_type.as_deref(), Some("message"));
}

#[test]
fn the_last_id_field_wins() {
    assert_eq!(single("id: a\nid: b\ndata\n\n").last_event_id, "b");
}

#[test]
fn an_id_with_nul_is_ignored() {
    let message = single("id: a\nid: b\0c\nid: \0\ndata\n\n");
    assert_eq!((message.id.as_deref(), message.last_event_id.as_str()), (Some("a"), "a"));
    assert_eq!(single("id: \0\ndata\n\n").id, None);
}

#[test]
fn nul_stands_in_data_and_type_like_any_character() {
    let message = single("event: \0\ndata: \0\n\n");
    assert_eq!((message.event_type.as_deref(), message.data.as_str()), (Some("\0"), "\0"));
}

#[test]
fn retry_takes_ascii_digits() {
    assert_eq!(retry(": 1500"), Some(1500));
    assert_eq!(retry(":1500"), Some(1500));
    assert_eq!(retry(": 0"), Some(0));
    assert_eq!(retry(": 007"), Some(7));
}

#[test]
fn retry_ignores_all_else() {
    for value in
        ["", ":", ": ", ": 1 ", ":  1", ": +1", ": -1", ": 1.5", ": 1e3", ": 0x1", ": 1s", ": ١", ": 1\0"]
    {
        assert_eq!(retry(value), Some(5), "{value:?}");
    }
}

#[test]
fn a_retry_too_large_for_64_bits_becomes_the_largest() {
    assert_eq!(retry(": 18446744073709551615"), Some(u64::MAX));
    assert_eq!(retry(": 18446744073709551616"), Some(u64::MAX));
    assert_eq!(retry(&format!(": 1{}", "0".repeat(500))), Some(u64::MAX));
    assert_eq!(retry(&format!(": {}7", "0".repeat(500))), Some(7));
}

#[test]
fn an_event_carries_the_last_valid_retry_of_its_block() {
    let message = single("retry: 1\nretry: 2\nretry: x\ndata\n\n");
    assert_eq!(message.retry, Some(Duration::from_millis(2)));
}
