//! A notification on its way into the log: its topic and its event type. What it says is up to who makes it.

use sse_core::payload::Notification;
use sse_core::{Event, EventType, Topic};
use sse_hub::Draft;

/// The topic that all notifications go to.
pub(super) const TOPIC: &str = "notifications";

pub(super) fn topic() -> Topic {
    Topic::new(TOPIC).expect("the name follows the grammar")
}

pub(super) fn draft(notification: &Notification) -> Draft {
    let data = serde_json::to_string(notification).expect("strings become JSON");
    let event_type = EventType::new("notification").expect("not empty, one line");
    Draft { topic: topic(), event: Event::new(data).with_type(event_type) }
}
