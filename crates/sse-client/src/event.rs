//! One event as its listener sees it: with the type and the last event id that a browser would report.

use std::sync::Arc;

use sse_core::{EventId, EventType, HubBlock};

/// An event that came in over the stream.
///
/// Events after one another share the text of an unchanged id, so that a server cannot make a reader hold it
/// many times.
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

    /// The topic, from a hub of ours or any server that sends a field `topic` in the event's block. As it came: it has
    /// not been checked.
    pub fn topic(&self) -> Option<&str> {
        self.wire.topic()
    }

    /// When the event was published, from a hub of ours: RFC 3339 with milliseconds, UTC. As it came: it has not been
    /// checked.
    pub fn time(&self) -> Option<&str> {
        self.wire.time()
    }

    /// Set in the blocks that a hub of ours makes itself, its greeting and its `gap`; `None` in all that was published.
    pub fn hub(&self) -> Option<HubBlock> {
        self.wire.hub()
    }

    /// The event's own id, in its block; `None` when that had none. Empty when it resets the last event id.
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

    /// The id to resume from after this event: its own, else that of an earlier block. Empty when the server
    /// has given none, or has reset it.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }
}
