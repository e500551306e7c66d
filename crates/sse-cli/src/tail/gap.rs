//! Gap events of a hub: which events are gaps, and what they say. Prints nothing.

use sse_client::{Event, HubBlock};
use sse_core::RecordId;
use sse_core::payload::{Gap, GapReason};

/// What was lost, if this is a gap event of a hub.
///
/// A hub marks its gap events with the field `hub`. Versions that did not are recognised by everything they send: the
/// type, no topic, the data of a gap with an id of the hub and a known reason. Any other event of type `gap` is an
/// ordinary event.
pub(super) fn message(event: &Event) -> Option<String> {
    let marked = event.hub() == Some(HubBlock::Gap);
    if !marked && event.event_type() != "gap" {
        return None;
    }
    match serde_json::from_str(event.data()) {
        Ok(gap) if marked || is_unmarked(event, &gap) => Some(text(&gap, event.topic())),
        Err(_) if marked => Some("gap: events are missing here".to_owned()),
        _ => None,
    }
}

fn is_unmarked(event: &Event, gap: &Gap) -> bool {
    event.hub().is_none()
        && event.topic().is_none()
        && gap.reason != GapReason::Other
        && gap.first.parse::<RecordId>().is_ok()
}

fn text(Gap { requested, first, reason }: &Gap, topic: Option<&str>) -> String {
    let what = match reason {
        GapReason::UnknownId => format!("the server does not know the id {requested}"),
        GapReason::Expired => format!("events after {requested} are no longer stored"),
        GapReason::Lost => format!("the server has lost events after {requested}"),
        GapReason::Damaged => format!("events after {requested} are damaged in the server's log"),
        GapReason::Deleted => match topic {
            Some(topic) => format!("the topic {topic} was deleted"),
            None => "a topic was deleted".to_owned(),
        },
        GapReason::Slow => format!("this reader was too slow; events after {requested} were skipped"),
        GapReason::Other => format!("events after {requested} are missing"),
    };
    format!("gap: {what}; the stream continues from {first}")
}
