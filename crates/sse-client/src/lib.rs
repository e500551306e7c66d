//! The reconnecting `EventSource` for [`reqwest`].
//!
#![doc = include_str!("../README.md")]
//!
//! # Authorisation and an idle timeout
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
