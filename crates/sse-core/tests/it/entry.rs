//! One thing that a server writes to a stream, and what a reader must see of it. Knows no generators, so that the fuzz
//! targets use it too.

use std::time::Duration;

use sse_core::{Event, EventId, encode};

use crate::model::{Message, Outcome};

/// A block of each kind that the encoder writes.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Event(Event),
    IdOnly(EventId),
    Retry(Duration),
    Comment(String),
}

impl Entry {
    pub(crate) fn write(&self, wire: &mut Vec<u8>) {
        match self {
            Self::Event(event) => encode::event(wire, event),
            Self::IdOnly(id) => encode::id_only(wire, id),
            Self::Retry(time) => encode::retry(wire, *time),
            Self::Comment(text) => encode::comment(wire, text),
        }
    }

    /// Adds what a reader sees.
    pub(crate) fn note(&self, outcome: &mut Outcome) {
        match self {
            Self::Event(event) => {
                outcome.retry = event.retry().or(outcome.retry);
                note_id(event.id(), outcome);
                outcome.items.push(Ok(Message::of(event, &outcome.last_event_id)));
            }
            Self::IdOnly(id) => note_id(Some(id), outcome),
            Self::Retry(time) => outcome.retry = Some(*time),
            Self::Comment(_) => {}
        }
    }
}

fn note_id(id: Option<&EventId>, outcome: &mut Outcome) {
    if let Some(id) = id {
        id.as_str().clone_into(&mut outcome.last_event_id);
    }
}

/// The wire of all entries in order, and what a reader sees of it.
pub(crate) fn write_all(entries: &[Entry]) -> (Vec<u8>, Outcome) {
    let mut wire = Vec::new();
    let mut outcome = Outcome::default();
    for entry in entries {
        entry.write(&mut wire);
        entry.note(&mut outcome);
    }
    (wire, outcome)
}
