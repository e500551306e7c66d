//! What publishers did: every event that was sent, and the id of each that was acknowledged.

use sse_core::RecordId;

use super::payload::Payload;

/// What one publisher did, or all of them.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Every event that was sent, whatever became of it.
    pub(crate) sent: Vec<Payload>,
    /// Every event that was acknowledged, under the id that the hub answered.
    pub(crate) acknowledged: Vec<(RecordId, Payload)>,
    /// How often an event was sent again because no answer came.
    pub(crate) retries: u64,
}

impl Ledger {
    pub(crate) fn add(&mut self, other: Self) {
        self.sent.extend(other.sent);
        self.acknowledged.extend(other.acknowledged);
        self.retries += other.retries;
    }
}
