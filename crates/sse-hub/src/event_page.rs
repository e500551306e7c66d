//! A page of kept events, for readers that ask instead of subscribing: the same cursor and the same gaps.

use std::sync::Arc;

use sse_core::payload::{Gap, GapReason};
use sse_core::{Decoder, Event, Limits, RecordId};

use crate::hub::Hub;
use crate::log::{Page, Read, ReadError, ReadMode, Record};
use crate::selectors::Selectors;
use crate::start::{Position, Start};

/// The frames are our own, so they have passed their limits when they were published.
const NO_LIMITS: Limits = Limits { max_line_bytes: usize::MAX, max_event_bytes: usize::MAX };

/// Events after which others of the thread have their turn.
const DECODED_AT_ONCE: usize = 64;

/// Events, and the id to go on from.
#[derive(Debug)]
pub struct EventPage {
    /// Oldest first.
    pub events: Vec<KeptEvent>,
    /// Where to go on: every wanted event up to here is in this page or one before it.
    pub next: RecordId,
    /// What the reader asked for and cannot get any more.
    pub gap: Option<Gap>,
    /// Nothing comes after it: all of the topics are closed.
    pub ended: bool,
}

/// One event of a page.
#[derive(Debug)]
pub struct KeptEvent {
    /// Its id.
    pub id: RecordId,
    /// The event, with topic and time.
    pub event: Event,
}

impl EventPage {
    /// Has nothing to tell, and something may come.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.gap.is_none() && !self.ended
    }
}

impl Hub {
    /// Reads a page: at most `limit` events, and none after `max_bytes` of them.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn page(
        &self,
        selectors: &Selectors,
        start: Start,
        limit: usize,
        max_bytes: u64,
    ) -> Result<EventPage, ReadError> {
        let position = self.position(start, selectors).await?;
        let after = position.seq();
        let page = self.read(Read {
            selectors: selectors.clone(),
            after,
            acknowledged_removals: 0,
            mode: ReadMode::All,
            max_records: limit,
            max_bytes,
        });
        let page = page.await?;
        let mut decoder = Decoder::with_limits(NO_LIMITS);
        let mut events = Vec::with_capacity(page.records.len());
        for records in page.records.chunks(DECODED_AT_ONCE) {
            for record in records {
                events.push(self.kept_event(record, &mut decoder)?);
            }
            tokio::task::yield_now().await;
        }
        let gap = self.gap(position, &page, selectors);
        let ended = self.end(selectors).is_some_and(|end| end <= page.complete_to.max(after));
        Ok(EventPage { ended, events, next: self.place(page.complete_to.max(after), selectors), gap })
    }

    fn kept_event(&self, record: &Arc<Record>, decoder: &mut Decoder) -> Result<KeptEvent, ReadError> {
        let event = decoder.feed(&record.frame).last();
        let damaged = || ReadError(format!("the record with seq {} is not an event", record.seq));
        let event = event.and_then(Result::ok).ok_or_else(damaged)?;
        // Records that were stored before the wire had the time are older than this field.
        let event = event.or_time(|| crate::log::rfc3339(record.time));
        // That it was published with, whatever is known of epochs.
        let id = event.id().and_then(|id| id.as_str().parse().ok());
        Ok(KeptEvent { id: id.unwrap_or_else(|| self.id(record.seq)), event })
    }

    /// The same rule as for subscriptions.
    fn gap(&self, position: Position, page: &Page, selectors: &Selectors) -> Option<Gap> {
        let after = |seq| self.place(seq, selectors).to_string();
        let (requested, reason) = match position {
            Position::Unknown { requested, reason, .. } => (requested, reason),
            other if page.lost.acknowledged => (after(other.seq()), GapReason::Lost),
            other if page.lost.damaged => (after(other.seq()), GapReason::Damaged),
            Position::Head(seq) | Position::After(seq) if page.lost.removed > 0 => {
                (after(seq), GapReason::Expired)
            }
            _ => return None,
        };
        let first = page.records.first().map(|record| self.id(record.seq).to_string());
        Some(Gap { requested, first: first.unwrap_or_else(|| after(page.complete_to)), reason })
    }
}
