//! A notification as an event: its topic and its event type. What it says is up to who makes it.

use sse_core::payload::Notification;
use sse_core::{Event, EventType, Topic};

/// The topic that all notifications go to.
pub(crate) fn topic() -> Topic {
    Topic::new("notifications").expect("the name follows the grammar")
}

/// The event that carries it.
pub(crate) fn event(notification: &Notification) -> Event {
    let data = serde_json::to_string(notification).expect("strings become JSON");
    Event::new(data).with_type(EventType::new("notification").expect("not empty, one line"))
}
