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
//! There is a program for each of these in `examples/`.
//!
//! # Resume from a stored id
//!
//! ```
//! use sse_client::{EventId, EventSource};
//!
//! let source = EventSource::builder("https://example.com/events")
//!     .last_event_id(EventId::new("9f86d081884c-1042")?)
//!     .build()?;
//! assert_eq!(source.last_event_id(), "9f86d081884c-1042");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Authorisation, and a limit on silence
//!
//! ```
//! use std::time::Duration;
//! use sse_client::EventSource;
//! use sse_client::reqwest::header::{AUTHORIZATION, HeaderValue};
//!
//! let source = EventSource::builder("https://example.com/events")
//!     .header(AUTHORIZATION, HeaderValue::from_static("Bearer abc"))
//!     .idle_timeout(Duration::from_secs(60))
//!     .build()?;
//! assert!(!format!("{source:?}").contains("abc"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The stream that answers a POST
//!
//! APIs of language models do so. A reconnect would ask for the work again, so there is none; the server may ask to wait
//! before the answer begins.
//!
//! ```
//! use sse_client::reqwest::header::{CONTENT_TYPE, HeaderValue};
//! use sse_client::reqwest::Method;
//! use sse_client::{EventSource, Signal};
//!
//! async fn ask(url: &str, question: String) -> Result<String, Box<dyn std::error::Error>> {
//!     let mut source = EventSource::builder(url)
//!         .method(Method::POST)
//!         .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
//!         .body(question)
//!         .max_reconnects(0)
//!         .build()?;
//!     let mut answer = String::new();
//!     while let Some(signal) = source.next().await {
//!         match signal {
//!             Signal::Event(event) if event.data() == "[DONE]" => return Ok(answer),
//!             Signal::Event(event) => answer += event.data(),
//!             Signal::Closed(reason) => return Err(reason.into()),
//!             _ => {}
//!         }
//!     }
//!     Err("it ended before it was done".into())
//! }
//! ```
//!
//! # Wait for a server that is busy
//!
//! ```
//! use std::time::Duration;
//! use sse_client::EventSource;
//! use sse_client::reqwest::StatusCode;
//!
//! let source = EventSource::builder("https://example.com/events")
//!     .retry_statuses([StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE])
//!     .max_retry_after(Duration::from_secs(60))
//!     .max_reconnects(10)
//!     .build()?;
//! # Ok::<(), sse_client::BuildError>(())
//! ```
//!
//! # A client of one's own
//!
//! ```
//! use std::time::Duration;
//! use sse_client::EventSource;
//! use sse_client::reqwest::Client;
//!
//! let client = Client::builder().connect_timeout(Duration::from_secs(3)).no_proxy().build()?;
//! let clock = EventSource::builder("https://example.com/clock").client(client.clone()).build()?;
//! let chat = EventSource::builder("https://example.com/chat").client(client).build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Stop after some events
//!
//! Dropping the source ends all it does.
//!
//! ```
//! use sse_client::{BuildError, Event, EventSource, Signal};
//!
//! async fn first(url: &str, count: usize) -> Result<Vec<Event>, BuildError> {
//!     let mut source = EventSource::new(url)?;
//!     let mut events = Vec::new();
//!     while events.len() < count && let Some(signal) = source.next().await {
//!         if let Signal::Event(event) = signal {
//!             events.push(event);
//!         }
//!     }
//!     Ok(events)
//! }
//! ```

mod backoff;
mod body;
mod builder;
mod content_type;
mod event;
mod idle;
mod request;
mod response;
mod retry_after;
mod root_cause;
mod signal;
mod source;

pub use backoff::Backoff;
pub use builder::{BuildError, Builder};
pub use content_type::is_event_stream;
pub use event::Event;
pub use reqwest;
pub use retry_after::retry_after;
pub use root_cause::root_cause;
pub use signal::{CloseReason, Interruption, Opened, Reconnecting, Signal};
pub use source::EventSource;
pub use sse_core::{DecodeError, EventId, EventIdError, HubBlock, Limits};
