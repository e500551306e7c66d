//! A notification on its way into the log: its topic and its event type. What it says is up to who makes it.

use sse_core::Topic;
use sse_core::payload::Notification;
use sse_hub::Draft;

use crate::json_event::json_event;

/// The topic that all notifications go to.
pub(super) const TOPIC: &str = "notifications";

pub(super) fn topic() -> Topic {
    Topic::new(TOPIC).expect("the name follows the grammar")
}

pub(super) fn draft(notification: &Notification) -> Draft {
    Draft::new(topic(), json_event("notification", notification))
}
