//! What a publisher sends and a subscriber gets: data with an optional type, id and retry hint. Not a record: it has a
//! topic and a time only if the sender put them on the wire.

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
    fields: WireFields,
    data: String,
}

/// What a block is that the hub makes itself, beside the events that were published: the value of its field `hub`,
/// which other readers skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HubBlock {
    /// Opens each connection. Not published, so it is in no history and has no topic.
    Greeting,
    /// Events are missing here.
    Gap,
    /// The topic is closed. The last event of its history.
    End,
    /// A kind that came after this version.
    Other,
}

impl HubBlock {
    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Gap => "gap",
            Self::End => "end",
            Self::Other => "other",
        }
    }

    pub(crate) fn from_wire(value: &[u8]) -> Self {
        let known =
            [Self::Greeting, Self::Gap, Self::End].into_iter().find(|kind| kind.as_str().as_bytes() == value);
        known.unwrap_or(Self::Other)
    }
}

impl Event {
    /// An event with this data, and no type, id or retry hint.
    ///
    /// The wire has one kind of line end, so CRLF and bare CR in `data` become LF here.
    pub fn new(data: impl Into<String>) -> Self {
        let data = normalise_line_ends(data.into());
        Self { fields: WireFields::default(), data }
    }

    /// Sets the event type. Without one, a browser fires `message`.
    pub fn with_type(mut self, event_type: EventType) -> Self {
        self.fields.event_type = Some(event_type);
        self
    }

    /// Sets the id. An empty id resets the reader's last event id.
    pub fn with_id(mut self, id: EventId) -> Self {
        self.fields.id = Some(id);
        self
    }

    /// Sets the reconnection time that readers shall use from now on, in whole milliseconds: what is smaller
    /// is cut off, what passes `u64::MAX` ms becomes that.
    pub fn with_retry(mut self, retry: Duration) -> Self {
        self.fields.retry = Some(Duration::from_millis(retry_millis(retry)));
        self
    }

    /// Marks a block of the hub's own.
    pub fn with_hub(mut self, kind: HubBlock) -> Self {
        self.fields.hub = Some(kind);
        self
    }

    /// The id in the event's own block, if there is one.
    pub fn id(&self) -> Option<&EventId> {
        self.fields.id.as_ref()
    }

    /// The event type; `None` stands for `message`.
    pub fn event_type(&self) -> Option<&EventType> {
        self.fields.event_type.as_ref()
    }

    /// What the field `topic` of the event's own block says. A hub of ours sends it with every record, so that the
    /// reader of several topics can tell them apart; to others it is an unknown field, which they skip. As it came
    /// over the wire, so it need not be a valid [`Topic`](crate::Topic).
    pub fn topic(&self) -> Option<&str> {
        self.fields.topic.as_deref()
    }

    /// What the field `time` of the event's own block says: when it was published, from a hub of ours RFC 3339 with
    /// milliseconds, UTC. As it came over the wire.
    pub fn time(&self) -> Option<&str> {
        self.fields.time.as_deref()
    }

    /// Sets what [`Self::time`] says if the block had no such field.
    pub fn or_time(mut self, time: impl FnOnce() -> String) -> Self {
        self.fields.time.get_or_insert_with(|| time().into());
        self
    }

    /// Set in the blocks that a hub of ours makes itself; `None` in everything that was published.
    pub fn hub(&self) -> Option<HubBlock> {
        self.fields.hub
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
        self.fields.retry
    }

    /// Puts an event together from what the decoder read, which is normal already.
    pub(crate) fn from_wire(fields: WireFields, data: String) -> Self {
        Self { fields, data }
    }
}

/// What a block says beside its data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct WireFields {
    pub(crate) id: Option<EventId>,
    pub(crate) event_type: Option<EventType>,
    pub(crate) topic: Option<Arc<str>>,
    pub(crate) time: Option<Box<str>>,
    pub(crate) hub: Option<HubBlock>,
    pub(crate) retry: Option<Duration>,
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
