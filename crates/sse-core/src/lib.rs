//! Event types and the wire codec of Server-Sent Events, exact to the WHATWG HTML standard.
//!
//! Bytes come in and go out as arguments: this crate does no I/O, is not asynchronous, knows no clock and has
//! no unsafe code. Values that would break the wire are refused when they are made, so that a bad value is its
//! author's error and never the death of a stream.
//!
//! ```
//! use sse_core::{Decoder, Event, EventId, EventType, encode};
//!
//! let event = Event::new("hello").with_type(EventType::new("greeting")?).with_id(EventId::new("7")?);
//! let mut wire = Vec::new();
//! encode::event(&mut wire, &event);
//! assert_eq!(wire, b"event: greeting\nid: 7\ndata: hello\n\n");
//!
//! let mut decoder = Decoder::new();
//! let events: Vec<Event> = decoder.feed(&wire).collect::<Result<_, _>>()?;
//! assert_eq!(events, [event]);
//! assert_eq!(decoder.last_event_id(), "7");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decode;
pub mod encode;
mod event;
mod event_id;
mod event_type;
pub mod payload;
mod record_id;
mod selector;
mod topic;

pub use decode::{DecodeError, Decoder, Events, Limits};
pub use event::{Event, HubBlock};
pub use event_id::{EventId, EventIdError};
pub use event_type::{EventType, EventTypeError};
pub use record_id::{Epoch, RecordId, RecordIdError};
pub use selector::{Selector, SelectorError};
pub use topic::{Topic, TopicError};
