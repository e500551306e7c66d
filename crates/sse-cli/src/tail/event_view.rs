//! What the output formats show of an event.

use jiff::Timestamp;

#[derive(Debug)]
pub(super) struct EventView<'a> {
    /// The id to resume from after it; may be empty.
    pub(super) id: &'a str,
    /// The id in its own block; empty when there is none.
    pub(super) own_id: &'a str,
    pub(super) event_type: &'a str,
    pub(super) topic: Option<&'a str>,
    /// The data, or the result of --jq.
    pub(super) data: &'a str,
    /// `greeting`, `gap` or `end` for the events that the hub makes itself.
    pub(super) hub: Option<&'static str>,
    pub(super) is_gap: bool,
    /// Without user, password and query.
    pub(super) url: &'a str,
    /// The short name of its stream; empty when there is only one.
    pub(super) name: &'a str,
    /// If the server sends it.
    pub(super) published: Option<Timestamp>,
    pub(super) received: Timestamp,
}

impl EventView<'_> {
    /// When it was published, else when it was received.
    pub(super) fn time(&self) -> Timestamp {
        self.published.unwrap_or(self.received)
    }
}
