//! The real server, over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod harness;
mod pages;
mod process;
mod refusals;
mod streams;
