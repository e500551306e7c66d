//! The reconnecting `EventSource` for [`reqwest`]: follows one event stream, whatever happens to its connections.
//!
//! It keeps to the WHATWG HTML standard: what opens a stream, what ends it for good, when to connect again,
//! and which last event id to send. It does not look into the data, and it is no server.
//!
//! ```
//! use sse_client::{EventSource, Signal};
//!
//! async fn follow(url: &str) -> Result<(), sse_client::BuildError> {
//!     let mut source = EventSource::new(url)?;
//!     while let Some(signal) = source.next().await {
//!         match signal {
//!             Signal::Opened(opened) => eprintln!("connected to {}", opened.url),
//!             Signal::Event(event) => println!("{}: {}", event.event_type(), event.data()),
//!             Signal::Dropped(error) => eprintln!("{error}"),
//!             Signal::Reconnecting(lost) => eprintln!("{}, trying again in {:?}", lost.reason, lost.delay),
//!             Signal::Closed(reason) => eprintln!("closed: {reason}"),
//!             _ => {}
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Resuming from a stored id, with a header of one's own and a limit on silence:
//!
//! ```
//! use std::time::Duration;
//! use sse_client::reqwest::header::{AUTHORIZATION, HeaderValue};
//! use sse_client::{EventId, EventSource};
//!
//! let source = EventSource::builder("https://example.com/events")
//!     .last_event_id(EventId::new("9f86d081884c-1042")?)
//!     .header(AUTHORIZATION, HeaderValue::from_static("Bearer abc"))
//!     .idle_timeout(Duration::from_secs(60))
//!     .build()?;
//! assert_eq!(source.last_event_id(), "9f86d081884c-1042");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backoff;
mod body;
mod builder;
mod event;
mod idle;
mod request;
mod response;
mod retry_after;
mod signal;
mod source;

pub use builder::{BuildError, Builder};
pub use event::Event;
pub use reqwest;
pub use signal::{CloseReason, Interruption, Opened, Reconnecting, Signal};
pub use source::EventSource;
pub use sse_core::{DecodeError, EventId, EventIdError, Limits};
