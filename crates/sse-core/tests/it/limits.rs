//! What a peer can make the decoder hold, and what happens to an event that is too large. Not rules of the standard,
//! which knows no limits.

use proptest::prelude::*;
use sse_core::{DecodeError, Decoder, Limits};

use crate::model::Outcome;
use crate::oversize::read_within;
use crate::probe::{cut, decode};
use crate::streams;

const LINE: DecodeError = DecodeError::LineTooLong { max_bytes: 20 };
const EVENT: DecodeError = DecodeError::EventTooLarge { max_bytes: 30 };

fn small() -> Limits {
    Limits { max_line_bytes: 20, max_event_bytes: 30 }
}

fn tiny() -> impl Strategy<Value = Limits> {
    (0..16_usize, 0..24_usize)
        .prop_map(|(max_line_bytes, max_event_bytes)| Limits { max_line_bytes, max_event_bytes })
}

/// Data or error of each item, after a check that no single cut changes anything.
fn items(body: impl AsRef<[u8]>) -> Vec<Result<String, DecodeError>> {
    let body = body.as_ref();
    let whole = decode(small(), [body]);
    assert_eq!(decode(small(), body.chunks(1)), whole, "byte by byte");
    for place in 0..=body.len() {
        assert_eq!(decode(small(), cut(body, &[place])), whole, "cut at {place}");
    }
    whole.items.into_iter().map(|item| item.map(|message| message.data)).collect()
}

fn text(data: impl Into<String>) -> Result<String, DecodeError> {
    Ok(data.into())
}

#[test]
fn a_line_may_have_as_many_bytes_as_the_limit_says() {
    let longest = "x".repeat(14);
    for end in ["\n", "\r", "\r\n"] {
        assert_eq!(items(format!("data: {longest}{end}{end}")), [text(&longest)]);
        assert_eq!(items(format!("data: {longest}x{end}{end}")), [Err(LINE)]);
    }
}

#[test]
fn a_leading_byte_order_mark_is_not_counted() {
    let longest = "x".repeat(14);
    assert_eq!(items(format!("\u{feff}data: {longest}\n\n")), [text(&longest)]);
}

#[test]
fn an_event_may_have_as_many_bytes_as_the_limit_says() {
    let line = format!("data: {}\n", "x".repeat(9));
    assert_eq!(items(format!("{}\n", line.repeat(3))), [text([&line[6..15]; 3].join("\n"))]);
    assert_eq!(items(format!("{}data\n\n", line.repeat(3))), [Err(EVENT)]);
}

#[test]
fn a_dropped_event_gives_one_error_and_the_next_event_comes() {
    let long = format!("data: {}\n", "x".repeat(40));
    let many = "data: 123456789\n".repeat(4);
    for dropped in
        [format!("{long}{long}"), format!("{many}{many}"), format!("{many}{long}"), format!("{long}{many}")]
    {
        assert_eq!(
            items(format!("data: a\n\n{dropped}\ndata: b\n\n{dropped}\ndata: c\n\n")).len(),
            5,
            "{dropped}"
        );
    }
}

#[test]
fn a_dropped_event_takes_its_id_along() {
    let body = format!("id: 1\n\nid: 2\ndata: {}\nid: 3\n\ndata: a\n\n", "x".repeat(40));
    let outcome = decode(small(), [body.as_bytes()]);
    assert_eq!(outcome.last_event_id, "1");
    assert_eq!(outcome.items.len(), 2);
}

#[test]
fn comments_do_not_make_an_event_large() {
    assert_eq!(items(format!("data: a\n{}\n", ": heartbeat\n".repeat(10))), [text("a")]);
}

#[test]
fn a_line_without_end_gives_its_error_before_it_ends() {
    let mut decoder = Decoder::with_limits(small());
    assert_eq!(decoder.feed(b"data: 78901234567890").count(), 0);
    assert_eq!(decoder.feed(b"x").collect::<Vec<_>>(), [Err(LINE)]);
    assert_eq!(decoder.feed(&[b'x'; 1000]).count(), 0, "one error is enough");
    assert_eq!(decoder.feed(b"\n\ndata: a\n\n").count(), 1);
}

#[test]
fn an_event_without_end_is_dropped_however_short_its_lines() {
    for line in ["data\n", "data:\n", "data:\r", "id\n", "retry\r\n", "x\n"] {
        let items = decode(small(), [line.repeat(31).as_bytes()]).items;
        assert_eq!(items, [Err(EVENT)], "{line:?}");
    }
}

#[test]
fn a_restart_ends_a_dropped_event_and_keeps_the_limits() {
    for rest in [format!("data: {}", "x".repeat(40)), "data: 123456789\n".repeat(4)] {
        let mut decoder = Decoder::with_limits(small());
        for _ in 0..2 {
            assert_eq!(decoder.feed(rest.as_bytes()).filter(Result::is_err).count(), 1);
            decoder.restart();
            assert_eq!(decoder.feed(b"data: a\n\n").filter(Result::is_ok).count(), 1);
        }
    }
}

#[test]
fn the_default_limits_take_a_line_of_4_mib_and_an_event_of_16() {
    let line = format!("data: {}\n", "x".repeat((4 << 20) - 6));
    let three = format!("{}\n", line.repeat(3));
    assert_eq!(Decoder::new().feed(three.as_bytes()).filter(Result::is_ok).count(), 1);
    let five = format!("{}\n", line.repeat(5));
    let items: Vec<_> = Decoder::new().feed(five.as_bytes()).collect();
    assert_eq!(items, [Err(DecodeError::EventTooLarge { max_bytes: 16 << 20 })]);
}

proptest! {
    #[test]
    fn too_large_events_go_and_the_rest_stays(limits in tiny(), body in streams::body()) {
        prop_assert_eq!(decode(limits, [body.as_slice()]), read_within(limits, &body));
    }

    #[test]
    fn the_same_events_go_however_the_body_is_cut(
        limits in tiny(),
        body in streams::body(),
        places in streams::cuts(),
    ) {
        let expected = read_within(limits, &body);
        prop_assert_eq!(&decode(limits, cut(&body, &places)), &expected);
        prop_assert_eq!(&decode(limits, body.chunks(1)), &expected);
    }

    #[test]
    fn large_limits_are_no_limits(body in streams::body()) {
        let limits = Limits { max_line_bytes: usize::MAX, max_event_bytes: usize::MAX };
        prop_assert_eq!(decode(limits, [body.as_slice()]), Outcome::of(&body));
        prop_assert_eq!(read_within(limits, &body), Outcome::of(&body));
    }
}
