//! What a publisher sends and a reader gets: data with an optional type, id and retry hint. Not a record: it
//! has no time, and a topic only if the sender named it on the wire.

use std::sync::Arc;
use std::time::Duration;

use crate::{EventId, EventType};

/// One event as it stands on the wire.
///
/// Each field says what the event's own block carries. The *last event id* that a browser would report, which
/// lasts over blocks without an id, is [`Decoder::last_event_id`](crate::Decoder::last_event_id).
///
/// `decode(encode(event)) == event` holds for every event within the reader's [`Limits`](crate::Limits), because
/// the constructors already bring values to the form that the wire can carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    id: Option<EventId>,
    event_type: Option<EventType>,
    topic: Option<Arc<str>>,
    data: String,
    retry: Option<Duration>,
}

impl Event {
    /// An event with this data, and no type, id or retry hint.
    ///
    /// The wire has one kind of line end, so CRLF and bare CR in `data` become LF here.
    pub fn new(data: impl Into<String>) -> Self {
        Self { id: None, event_type: None, topic: None, data: normalise_line_ends(data.into()), retry: None }
    }

    /// Sets the event type. Without one, a browser fires `message`.
    pub fn with_type(mut self, event_type: EventType) -> Self {
        self.event_type = Some(event_type);
        self
    }

    /// Sets the id. An empty id resets the reader's last event id.
    pub fn with_id(mut self, id: EventId) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets the reconnection time that readers shall use from now on, in whole milliseconds: what is smaller
    /// is cut off, what passes `u64::MAX` ms becomes that.
    pub fn with_retry(mut self, retry: Duration) -> Self {
        self.retry = Some(Duration::from_millis(retry_millis(retry)));
        self
    }

    /// The id in the event's own block, if there is one.
    pub fn id(&self) -> Option<&EventId> {
        self.id.as_ref()
    }

    /// The event type; `None` stands for `message`.
    pub fn event_type(&self) -> Option<&EventType> {
        self.event_type.as_ref()
    }

    /// What the field `topic` of the event's own block says. A hub of ours sends it with every record, so that the
    /// reader of several topics can tell them apart; to others it is an unknown field, which they skip. As it came
    /// over the wire, so it need not be a valid [`Topic`](crate::Topic).
    pub fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// The data; lines are separated by LF.
    pub fn data(&self) -> &str {
        &self.data
    }

    /// The data, taken out of the event.
    pub fn into_data(self) -> String {
        self.data
    }

    /// The reconnection time, in whole milliseconds.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Puts an event together from what the decoder read, which is normal already.
    pub(crate) fn from_wire(
        id: Option<EventId>,
        event_type: Option<EventType>,
        topic: Option<Arc<str>>,
        data: String,
        retry: Option<Duration>,
    ) -> Self {
        Self { id, event_type, topic, data, retry }
    }
}

/// A reconnection time as the wire carries it.
pub(crate) fn retry_millis(retry: Duration) -> u64 {
    u64::try_from(retry.as_millis()).unwrap_or(u64::MAX)
}

fn normalise_line_ends(data: String) -> String {
    if memchr::memchr(b'\r', data.as_bytes()).is_none() {
        return data;
    }
    data.replace("\r\n", "\n").replace('\r', "\n")
}
