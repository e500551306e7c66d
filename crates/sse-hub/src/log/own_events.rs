//! Events that the log itself makes.

use serde::Serialize;
use sse_core::payload::{End, Gap, GapReason};
use sse_core::{Event, EventType, HubBlock, Topic};

use super::epochs::Epochs;
use super::record::{Record, rfc3339};

/// Closes a topic.
pub(super) fn end(topic: &Topic) -> Event {
    own_event(HubBlock::End, &End { topic: topic.as_str().to_owned() })
}

/// Tells live readers that a topic was deleted, with all that it had before this seq.
pub(super) fn deletion(epochs: &Epochs, topic: Topic, seq: u64, time: u64) -> Record {
    let (requested, first) = (epochs.id(seq - 1).to_string(), epochs.id(seq).to_string());
    let event = own_event(HubBlock::Gap, &Gap { requested, first, reason: GapReason::Deleted });
    Record { in_memory: true, ..Record::new(epochs.id(seq), topic, time, &rfc3339(time), &event) }
}

/// The event's type says what it is, as its field does.
fn own_event(kind: HubBlock, data: &impl Serialize) -> Event {
    let event = Event::new(serde_json::to_string(data).unwrap_or_default()).with_hub(kind);
    match EventType::new(kind.as_str()) {
        Ok(event_type) => event.with_type(event_type),
        Err(_) => event,
    }
}
