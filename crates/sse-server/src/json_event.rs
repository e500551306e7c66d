//! Events that the server makes itself: their data is JSON.

use serde::Serialize;
use sse_core::{Event, EventType};

/// An event of this type, which is `message` for events without one.
pub(crate) fn json_event(event_type: &str, payload: &impl Serialize) -> Event {
    let event = Event::new(serde_json::to_string(payload).expect("strings and numbers become JSON"));
    match event_type {
        "message" => event,
        named => event.with_type(EventType::new(named).expect("not empty, one line")),
    }
}
