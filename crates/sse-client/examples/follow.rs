//! Prints an event stream and its signals: `cargo run -p sse-client --example follow [URL]`.

use sse_client::{BuildError, EventSource, Signal};

#[tokio::main]
async fn main() -> Result<(), BuildError> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:3000/events".to_owned());
    let mut source = EventSource::new(url)?;
    while let Some(signal) = source.next().await {
        match signal {
            Signal::Opened(opened) => eprintln!("connected to {}", opened.url),
            Signal::Event(event) => {
                println!("{} [{}] {}", event.event_type(), event.last_event_id(), event.data());
            }
            Signal::Dropped(error) => eprintln!("{error}"),
            Signal::Reconnecting(lost) => eprintln!("{}, retrying in {:?}", lost.reason, lost.delay),
            Signal::Closed(reason) => eprintln!("closed: {reason}"),
            _ => {}
        }
    }
    Ok(())
}
