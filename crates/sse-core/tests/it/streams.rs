//! Generators of bodies, cuts and nasty text for the property tests. Checks nothing.

use proptest::collection::vec;
use proptest::prelude::*;

/// What the grammar is made of, and what comes close to it.
const TOKENS: &[&[u8]] = &[
    b"data",
    b"data:",
    b"data: ",
    b"data:  ",
    b"data :",
    b"Data: ",
    b"event",
    b"event:",
    b"event: ",
    b"id",
    b"id:",
    b"id: ",
    b"ID: ",
    b"retry",
    b"retry:",
    b"retry: ",
    b":",
    b" ",
    b"\t",
    b"\0",
    b"a",
    b"message",
    b"x: y",
    b"0",
    b"7",
    b"10",
    b"-1",
    b"+1",
    b"18446744073709551616",
    b"\xEF\xBB\xBF",
    b"\xEF",
    b"\xBB",
    b"\xBF",
    b"\xFF",
    b"\xC3\xA9",
    b"\xC3",
    b"\xF0\x9F\x98\x80",
    b"\xF0\x9F\x98",
    b"\xED\xA0\x80",
];

const LINE_ENDS: &[&[u8]] = &[b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n", b"\n\r", b"\r\n\n"];

/// Characters that mean something on the wire, characters that some take for line ends, and fields to smuggle in.
const FRAGMENTS: &[&str] = &[
    "\r",
    "\n",
    "\r\n",
    "\0",
    ":",
    " ",
    "\t",
    "\u{feff}",
    "\u{2028}",
    "\u{85}",
    "a",
    "0",
    "é",
    "😀",
    "\u{10ffff}",
    "data: x",
    "event: x",
    "id: x",
    "retry: 1",
];

/// Bytes of any kind.
pub(crate) fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..120)
}

/// Bytes that look like a stream: pieces of fields, line ends of every kind, marks, bytes that are no UTF-8.
pub(crate) fn soup() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        5 => prop::sample::select(TOKENS),
        4 => prop::sample::select(LINE_ENDS),
    ];
    vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

/// A body of either kind.
pub(crate) fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![1 => any_bytes(), 4 => soup()]
}

/// Up to 12 places to cut a body of the sizes made here.
pub(crate) fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(0..300_usize, 0..12)
}

/// Text full of such fragments, and now and then any other character.
pub(crate) fn nasty_text() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        4 => prop::sample::select(FRAGMENTS).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    vec(fragment, 0..24).prop_map(|fragments| fragments.concat())
}
