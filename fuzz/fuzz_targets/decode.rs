//! Fuzz target: the decoder on any body, cut anywhere, against the reference, with and without tiny limits. Not a test
//! of the encoder.
//!
//! Input: 2 bytes of limits, 6 bytes of distances between cuts, then the body.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sse_core::{Decoder, Limits};

mod meter;
#[path = "../../crates/sse-core/tests/it/model.rs"]
mod model;
#[path = "../../crates/sse-core/tests/it/oversize.rs"]
mod oversize;
#[path = "../../crates/sse-core/tests/it/probe.rs"]
// The tests use more of it.
#[allow(dead_code)]
mod probe;

use model::Outcome;
use oversize::read_within;
use probe::{Probe, cut, decode};

fuzz_target!(|input: &[u8]| {
    let Some((header, body)) = input.split_first_chunk::<8>() else {
        return;
    };
    let [line, event, distances @ ..] = header;
    let tiny = Limits { max_line_bytes: usize::from(line % 64), max_event_bytes: usize::from(event % 64) };
    let places = places(distances);

    follows_the_standard(body, &places);
    starts_afresh_after(body, places[0]);
    drops_what_passes_a_limit(tiny, body, &places);
    holds_no_more_than_its_limits(tiny, body);
    allocates_in_proportion(body);
});

fn places(distances: &[u8; 6]) -> Vec<usize> {
    let mut place = 0;
    let next = |distance: &u8| {
        place += usize::from(*distance);
        place
    };
    distances.iter().map(next).collect()
}

fn follows_the_standard(body: &[u8], places: &[usize]) {
    let expected = Outcome::of(body);
    assert_eq!(decode(Limits::default(), [body]), expected, "whole");
    assert_eq!(decode(Limits::default(), cut(body, places)), expected, "in pieces");
    assert_eq!(decode(Limits::default(), body.chunks(1)), expected, "byte by byte");
}

fn starts_afresh_after(body: &[u8], place: usize) {
    let mut probe = Probe::new(Limits::default());
    let mut expected = Outcome::default();
    for connection in cut(body, &[place]) {
        probe.feed(connection);
        probe.restart();
        expected.read(connection);
    }
    assert_eq!(probe.into_outcome(), expected, "two connections");
}

fn drops_what_passes_a_limit(limits: Limits, body: &[u8], places: &[usize]) {
    let expected = read_within(limits, body);
    assert_eq!(decode(limits, [body]), expected, "whole");
    assert_eq!(decode(limits, cut(body, places)), expected, "in pieces");
    assert_eq!(decode(limits, body.chunks(1)), expected, "byte by byte");
}

/// Factor: a byte that is no UTF-8 takes three as text, a buffer may double when it grows, and an event that is given
/// out stands beside what it was made from. Constant: the smallest buffers.
fn holds_no_more_than_its_limits(limits: Limits, body: &[u8]) {
    let most = 8 * (limits.max_line_bytes + limits.max_event_bytes) + 64;
    for pieces in [1, usize::MAX] {
        let used = meter::measure(|| run(limits, body, pieces));
        assert!(used.peak <= most, "{} bytes held, {most} expected at most", used.peak);
    }
}

/// Work without a clock: a decoder that copies again what it has seen allocates more than in proportion.
fn allocates_in_proportion(body: &[u8]) {
    let most = 16 * body.len() + 64;
    let used = meter::measure(|| run(Limits::default(), body, 1));
    assert!(used.total <= most, "{} bytes allocated, {most} expected at most", used.total);
}

fn run(limits: Limits, body: &[u8], piece: usize) {
    let mut decoder = Decoder::with_limits(limits);
    for piece in body.chunks(piece) {
        decoder.feed(piece).for_each(drop);
    }
}
