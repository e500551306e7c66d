//! Takes the first events of a stream and stops: `cargo run -p sse-client --example first [URL] [COUNT]`.
//!
//! `EventSource` is a `Stream`, so the combinators of futures-util and tokio-stream work as well.

use std::error::Error;
use std::time::Duration;

use sse_client::{Event, EventSource, Signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "http://127.0.0.1:3000/events".to_owned());
    let count = args.next().map_or(Ok(3), |count| count.parse())?;
    let events = tokio::time::timeout(Duration::from_secs(30), first(&url, count)).await??;
    for event in events {
        println!("{} {}", event.event_type(), event.data());
    }
    Ok(())
}

/// The first `count` events, or fewer if the stream closes before. Dropping the source closes the connection.
async fn first(url: &str, count: usize) -> Result<Vec<Event>, Box<dyn Error>> {
    let mut source = EventSource::new(url)?;
    let mut events = Vec::new();
    while events.len() < count
        && let Some(signal) = source.next().await
    {
        match signal {
            Signal::Event(event) => events.push(event),
            Signal::Closed(reason) => eprintln!("closed: {reason}"),
            _ => {}
        }
    }
    Ok(events)
}
