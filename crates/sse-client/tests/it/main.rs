//! The client against a scripted server: what it asks for, what it makes of the answers.

// The lints deny these in code that meets outside data; a test that panics is a test that fails.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod cancelling;
mod decoding;
mod opening;
mod posting;
mod reconnecting;
mod requests;
mod server;
mod waiting;

use std::time::Duration;

use server::Server;
use sse_client::{Builder, EventSource, Signal};

/// Far above what any test needs; a test that comes here has failed.
const DEADLINE: Duration = Duration::from_secs(20);

/// A source with short delays.
fn quick(server: &Server) -> Builder {
    EventSource::builder(server.url("/events"))
        .reconnect_delay(Duration::from_millis(100))
        .max_reconnect_delay(Duration::from_millis(400))
}

/// The next signal, within the deadline.
async fn next(source: &mut EventSource) -> Signal {
    let signal = tokio::time::timeout(DEADLINE, source.next()).await.expect("a signal in time");
    signal.expect("the source is not closed")
}

/// All signals up to the last one. A scripted server answers 204 once its scripts are used up.
async fn run(source: Builder) -> Vec<Signal> {
    let mut source = source.build().unwrap();
    let mut signals = Vec::new();
    while let Some(signal) = tokio::time::timeout(DEADLINE, source.next()).await.expect("an end in time") {
        signals.push(signal);
    }
    signals
}

/// A signal in one line, for comparing.
fn words(signal: &Signal) -> String {
    match signal {
        Signal::Opened(opened) => format!("opened {}", opened.url.path()),
        Signal::Event(event) => {
            format!("{} [{}] {}", event.event_type(), event.last_event_id(), event.data())
        }
        Signal::Dropped(error) => format!("dropped: {error}"),
        Signal::Reconnecting(lost) => format!("reconnecting {}: {}", lost.attempt, lost.reason),
        Signal::Closed(reason) => format!("closed: {reason}"),
        other => format!("{other:?}"),
    }
}

/// The delays that were announced.
fn delays(signals: &[Signal]) -> Vec<Duration> {
    let announced = |signal: &Signal| match signal {
        Signal::Reconnecting(lost) => Some(lost.delay),
        _ => None,
    };
    signals.iter().filter_map(announced).collect()
}

fn millis(value: u64) -> Duration {
    Duration::from_millis(value)
}

async fn run_words(source: Builder) -> Vec<String> {
    run(source).await.iter().map(words).collect()
}

/// The events among the signals, in words.
async fn run_events(source: Builder) -> Vec<String> {
    let signals = run(source).await;
    signals.iter().filter(|signal| matches!(signal, Signal::Event(_))).map(words).collect()
}
