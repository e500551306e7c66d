//! The standard's rules for the stream as bytes: encoding, byte order mark, line ends. Fields have tests of their own.

use sse_core::Limits;

use crate::probe::{Probe, data, decode};

#[test]
fn a_line_ends_at_crlf_lf_or_cr() {
    for end in ["\n", "\r", "\r\n"] {
        assert_eq!(data(format!("data: a{end}data: b{end}{end}data: c{end}{end}")), ["a\nb", "c"], "{end:?}");
    }
}

#[test]
fn line_ends_mix_freely() {
    assert_eq!(data("data: a\rdata: b\r\ndata: c\n\rdata: d\r\r\ndata: e\n\r\n"), ["a\nb\nc", "d", "e"]);
}

#[test]
fn lf_cr_is_two_line_ends_and_crlf_one() {
    assert_eq!(data("data: a\n\rdata: b\r\ndata: c\r\n\r\n"), ["a", "b\nc"]);
}

#[test]
fn other_separators_end_no_line() {
    for text in ["a\u{85}b", "a\u{2028}b", "a\u{b}b", "a\u{c}b", "a\0b"] {
        assert_eq!(data(format!("data: {text}\n\n")), [text]);
    }
}

#[test]
fn an_event_that_ends_in_bare_cr_comes_at_that_byte() {
    let mut probe = Probe::new(Limits::default());
    probe.feed(b"data: a\r");
    assert_eq!(probe.outcome().items.len(), 0);
    probe.feed(b"\r");
    assert_eq!(probe.outcome().items.len(), 1, "at the second CR, without a look at what follows");
    probe.feed(b"\ndata: b\n");
    assert_eq!(probe.outcome().items.len(), 1, "the LF belongs to the CR before it");
    probe.feed(b"\n");
    assert_eq!(probe.outcome().items.len(), 2);
}

#[test]
fn an_lf_after_a_cr_and_an_empty_piece_still_belongs_to_it() {
    let pieces: [&[u8]; 5] = [b"data: a\r", b"", b"\n", b"", b"data: b\r\n\r\n"];
    let outcome = decode(Limits::default(), pieces);
    assert_eq!(outcome.items.len(), 1);
    assert_eq!(outcome.items[0].as_ref().unwrap().data, "a\nb");
}

#[test]
fn one_leading_byte_order_mark_is_dropped() {
    assert_eq!(data("\u{feff}data: a\n\n"), ["a"]);
}

#[test]
fn a_byte_order_mark_may_come_in_pieces() {
    let pieces: [&[u8]; 5] = [b"\xEF", b"", b"\xBB", b"\xBF", b"data: a\n\n"];
    assert_eq!(decode(Limits::default(), pieces).items.len(), 1);
}

#[test]
fn a_second_byte_order_mark_is_data() {
    assert_eq!(data("\u{feff}\u{feff}data: a\n\n"), [""; 0], "it is part of the field's name");
    assert_eq!(data("\u{feff}data: \u{feff}a\n\ndata:\u{feff}\n\n"), ["\u{feff}a", "\u{feff}"]);
    assert_eq!(data("data: a\n\n\u{feff}data: b\n\n"), ["a"], "nor is it dropped later in the stream");
}

#[test]
fn half_a_byte_order_mark_is_data() {
    assert_eq!(data(b"\xEF\xBBdata: a\n\ndata: b\n\n"), ["b"], "it is part of the field's name");
    assert_eq!(data(b"\xEF\xEF\xBB\xBFdata: a\n\ndata: b\n\n"), ["b"]);
}

#[test]
fn a_stream_may_be_empty_or_all_blank_lines() {
    assert_eq!(data(""), [""; 0]);
    assert_eq!(data("\u{feff}"), [""; 0]);
    assert_eq!(data("\n\r\r\n\n\n"), [""; 0]);
}

#[test]
fn what_is_no_utf8_becomes_u_fffd_and_the_stream_goes_on() {
    assert_eq!(data(b"data: a\xFFb\n\ndata: c\n\n"), ["a\u{fffd}b", "c"]);
    assert_eq!(data(b"event: \xFF\nid: \xFE\ndata: a\n\n"), ["a"]);
}

#[test]
fn each_maximal_subpart_becomes_one_u_fffd() {
    for (bytes, text) in [
        (&b"\xF0\x9F\x98"[..], "\u{fffd}"),
        (b"\xF0\x9F\x98\xF0\x9F\x98\x80", "\u{fffd}😀"),
        (b"\xE2\x82", "\u{fffd}"),
        (b"\xC0\xAF", "\u{fffd}\u{fffd}"),
        (b"\xED\xA0\x80", "\u{fffd}\u{fffd}\u{fffd}"),
        (b"\xF5\x80\x80\x80", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
        (b"\xE1\x80\xE2\xF0\x91\x92\xF1\xBFA", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}A"),
        (b"\x80", "\u{fffd}"),
    ] {
        let body = [b"data: ", bytes, b"\ndata: ", bytes, b"\n\n"].concat();
        assert_eq!(data(body), [format!("{text}\n{text}")], "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_character_cut_by_a_line_end_is_not_put_together_again() {
    assert_eq!(data(b"data: \xC3\ndata: \xA9\n\n"), ["\u{fffd}\n\u{fffd}"]);
}
