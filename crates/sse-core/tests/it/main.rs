//! Tests of the codec as its users see it: the rules of the standard by name, the decoder against a reference, the
//! encoder against the decoder. Not tests of topics and selectors, which stand beside their code.

// The lints deny these in code that meets outside data; a test that panics is a test that fails.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod against_model;
mod dispatch_rules;
mod entry;
mod field_rules;
mod limits;
mod model;
mod oversize;
mod payload;
mod probe;
mod round_trip;
mod stream_rules;
mod streams;
