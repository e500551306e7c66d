//! Names of topics of one length, and batches of events for them.

use std::fmt::Write;

/// First segments. One of them could not have all topics.
pub(super) const SEGMENTS: usize = 8;
/// Data of an event, or its beginning. Has the mark by which readers count events.
pub(super) const DATA: &str = "~xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
/// Most events in a batch.
pub(super) const BATCH: usize = 10_000;

/// The name of a topic.
pub(super) fn name(nth: usize) -> String {
    format!("t{}/{nth:06}", nth % SEGMENTS)
}

/// A batch in NDJSON: an event for each of these topics.
pub(super) fn lines(topics: impl Iterator<Item = usize>) -> String {
    named_lines(topics.map(name))
}

/// The same by their names.
pub(super) fn named_lines(names: impl Iterator<Item = String>) -> String {
    let mut lines = String::new();
    for name in names {
        writeln!(lines, r#"{{"topic":"{name}","data":"{DATA}"}}"#).expect("a string takes everything");
    }
    lines
}
