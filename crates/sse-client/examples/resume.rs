//! Resumes where the last run stopped: `cargo run -p sse-client --example resume [URL] [FILE]`.
//!
//! The id is stored after the event was processed, so a crash in between repeats that event: at least once.

use std::error::Error;
use std::path::Path;

use sse_client::{EventId, EventSource, Signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "http://127.0.0.1:3000/events".to_owned());
    let file = args.next().unwrap_or_else(|| "last-event-id".to_owned());
    let mut builder = EventSource::builder(url);
    if let Some(id) = load(Path::new(&file))? {
        builder = builder.last_event_id(id);
    }
    let mut source = builder.build()?;
    while let Some(signal) = source.next().await {
        match signal {
            Signal::Event(event) => {
                println!("{}", event.data());
                store(Path::new(&file), event.last_event_id())?;
            }
            Signal::Closed(reason) => return Err(reason.into()),
            _ => {}
        }
    }
    Ok(())
}

/// `None` without a file.
fn load(file: &Path) -> Result<Option<EventId>, Box<dyn Error>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(EventId::new(text)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Replaces the file atomically.
fn store(file: &Path, id: &str) -> std::io::Result<()> {
    let new = file.with_added_extension("new");
    std::fs::write(&new, id)?;
    std::fs::rename(new, file)
}
