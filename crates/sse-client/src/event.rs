//! One event as a listener sees it, with the type and the last event id that a browser would report.

use std::sync::Arc;

use sse_core::{EventId, EventType, HubBlock};

/// A received event.
///
/// Consecutive events share the text of an unchanged id, so that a server cannot multiply its memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    wire: sse_core::Event,
    last_event_id: Arc<str>,
}

impl Event {
    pub(crate) fn new(wire: sse_core::Event, last_event_id: Arc<str>) -> Self {
        Self { wire, last_event_id }
    }

    /// The event type; `message` when the server named none.
    pub fn event_type(&self) -> &str {
        self.wire.event_type().map_or("message", EventType::as_str)
    }

    /// The field `topic` of the event's block, which sse-server sends. As received, not validated.
    pub fn topic(&self) -> Option<&str> {
        self.wire.topic()
    }

    /// When the event was published: the field `time`, which sse-server sends as RFC 3339 with milliseconds, UTC. As
    /// received, not validated.
    pub fn time(&self) -> Option<&str> {
        self.wire.time()
    }

    /// Set in the events that sse-server makes itself, its greeting, its gaps and the ends of topics; `None`
    /// in published events.
    pub fn hub(&self) -> Option<HubBlock> {
        self.wire.hub()
    }

    /// The id in the event's own block, if there is one. Empty when it resets the last event id.
    pub fn id(&self) -> Option<&str> {
        self.wire.id().map(EventId::as_str)
    }

    /// The data; lines are separated by LF.
    pub fn data(&self) -> &str {
        self.wire.data()
    }

    /// The data, taken out of the event.
    pub fn into_data(self) -> String {
        self.wire.into_data()
    }

    /// The id to resume from after this event: its own, else that of an earlier block. Empty when there was none, or it
    /// was reset.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }
}
