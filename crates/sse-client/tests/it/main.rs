//! The client against a scripted server: what it asks for and when, and what it makes of the answers. Each rule of
//! `docs/client-rules.md` is one test.

// The lints deny these in code that meets outside data; a test that panics is a test that fails.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod cancelling;
mod clients;
mod decoding;
mod http2;
mod https;
#[cfg(target_os = "linux")]
mod memory;
mod noise;
mod opening;
mod posting;
mod reconnecting;
mod redirects;
mod requests;
mod rules;
mod server;
mod story;
mod waiting;

use std::time::Duration;

use server::Server;
use sse_client::{Builder, EventSource, Signal};

/// Far above what any test needs; a test that comes here has failed.
const DEADLINE: Duration = Duration::from_secs(20);

/// A source that comes back after 100 ms each time, which is the least there is.
fn quick(server: &Server) -> Builder {
    quick_at(server.url("/events"))
}

fn quick_at(url: String) -> Builder {
    EventSource::builder(url)
        .reconnect_delay(Duration::from_millis(100))
        .max_reconnect_delay(Duration::from_millis(100))
}

/// The next signal, within the deadline.
async fn next(source: &mut EventSource) -> Signal {
    let signal = tokio::time::timeout(DEADLINE, source.next()).await.expect("a signal in time");
    signal.expect("the source is not closed")
}

fn millis(value: u64) -> Duration {
    Duration::from_millis(value)
}
