//! Live stream of one subscriber: a cursor over the log. Owns no queue; knows nothing of HTTP or of other
//! subscribers, only the outlet through which its feed may send frames while it waits.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sse_core::payload::{Gap, GapReason};
use sse_core::{RecordId, encode};
use tokio::time::Instant;

use super::feed::Feed;
use super::ring::Next;
use super::{Hub, Place, Start};
use crate::connection::Outlet;
use crate::log::{Depth, Page, Pending, Read, ReadError, Record};
use crate::selectors::Selectors;

/// Most records and bytes read from the log at a time while catching up. A record that passes the bytes is the
/// last of its page.
const PAGE_RECORDS: usize = 256;
const PAGE_BYTES: u64 = 32 << 10;

/// What a subscription gives next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Whole frames, back to back.
    Frames(Bytes),
    /// Events the reader asked for are not there any more; it goes on after the id.
    Gap(Gap, RecordId),
    /// There will be no more.
    End,
}

/// One reader. Replay and live are one loop: read the log while behind the feed, then the feed.
pub(crate) struct Subscription {
    hub: Hub,
    feed: Rc<Feed>,
    /// Every wanted record up to this seq has been given, or the reader was told that it is lost.
    cursor: u64,
    /// Where the feed may send frames by itself.
    outlet: Option<Outlet>,
    /// Place among the feed's waiters.
    waiter: Option<usize>,
    /// Removals that are no loss to this reader: it was told, or never asked for what is gone.
    known: u64,
    /// How the reader came to the place where it is.
    phase: Phase,
    /// A read of the log under way.
    reading: Option<Pending<Result<Page, ReadError>>>,
    /// What was read, while the gap before it is being told.
    held: Option<Page>,
}

/// What the next read of the log is for.
#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// The first reads of a reader that starts now: the last values of its topics, from after this seq on.
    LastValues(u64),
    /// The first read of a reader that asked for what is kept, so nothing that is gone already is missing.
    Kept,
    /// The first read of a reader that asked for an id that is not of this log.
    Unknown(String),
    /// Catching up for the first time.
    Replay,
    /// The feed was reached.
    Live,
    /// The feed was reached once, and then lost.
    Lagging,
}

impl Subscription {
    /// The head is sampled here: what is appended later is past the cursor, so it will be given.
    pub(super) fn new(hub: Hub, feed: Rc<Feed>, start: Start) -> Self {
        let place = hub.place(start, feed.selectors());
        let cursor = place.seq();
        let phase = match place {
            Place::Head(_) if hub.may_have_last_values(feed.selectors()) => Phase::LastValues(0),
            Place::Head(_) => Phase::Live,
            Place::Kept(_) => Phase::Kept,
            Place::After(_) => Phase::Replay,
            Place::Unknown(id) => Phase::Unknown(id),
        };
        hub.demand().add(feed.selectors());
        Self { hub, feed, cursor, outlet: None, waiter: None, known: 0, phase, reading: None, held: None }
    }

    /// Lets frames be sent past [`Self::poll_next`] while it is pending; [`Self::sent`] tells of them.
    pub(crate) fn through(mut self, outlet: Option<Outlet>) -> Self {
        self.outlet = outlet;
        self
    }

    /// The id to resume from: every wanted record up to it has been given.
    pub(crate) fn position(&self) -> RecordId {
        let sent = self.sent().map_or(0, |(seq, _)| seq);
        self.hub.id(self.cursor.max(sent))
    }

    /// What was sent last through the outlet: up to which seq, and when.
    pub(crate) fn sent(&self) -> Option<(u64, Instant)> {
        self.feed.sent(self.waiter)
    }

    /// The hub that this subscription is with.
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// The topics this subscription is for.
    pub(crate) fn selectors(&self) -> &Selectors {
        self.feed.selectors()
    }

    /// The next delivery, as soon as there is one.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Delivery> {
        if let Some(cursor) = self.feed.resume(self.waiter) {
            self.cursor = self.cursor.max(cursor);
        }
        loop {
            if let Some(page) = self.held.take()
                && let Some(delivery) = self.give(&page)
            {
                return Poll::Ready(delivery);
            }
            if let Some(reading) = &mut self.reading {
                let page = ready!(reading.as_mut().poll(context));
                self.reading = None;
                if let Some(delivery) = self.take(page) {
                    return Poll::Ready(delivery);
                }
                continue;
            }
            if matches!(self.phase, Phase::LastValues(_) | Phase::Kept | Phase::Unknown(_)) {
                self.read();
                continue;
            }
            match self.feed.after(self.cursor) {
                Next::Frames(frames, cursor) => {
                    self.move_to(cursor);
                    return Poll::Ready(Delivery::Frames(frames));
                }
                Next::Nothing(cursor) => {
                    self.move_to(cursor);
                    self.feed.wait(&mut self.waiter, context, cursor, self.outlet.as_ref());
                    return Poll::Pending;
                }
                Next::Behind => {
                    if self.phase == Phase::Live {
                        self.phase = Phase::Lagging;
                    }
                    self.read();
                }
                Next::Closed => return Poll::Ready(Delivery::End),
            }
        }
    }

    /// The feed has brought the reader here.
    fn move_to(&mut self, cursor: u64) {
        self.cursor = cursor;
        self.phase = Phase::Live;
    }

    /// Starts to read a page of the log.
    fn read(&mut self) {
        let (after, depth) = match self.phase {
            Phase::LastValues(after) => (after, Depth::LastValues),
            Phase::Lagging => (self.cursor, Depth::Conflated),
            _ => (self.cursor, Depth::All),
        };
        let selectors = self.feed.selectors().clone();
        let known = self.known;
        let read = Read { selectors, after, known, depth, max_records: PAGE_RECORDS, max_bytes: PAGE_BYTES };
        self.reading = Some(self.hub.read(read));
    }

    /// Looks at a page that was read: what it gives, and what has to be told first.
    fn take(&mut self, page: Result<Page, ReadError>) -> Option<Delivery> {
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, cursor = self.cursor, "stream ended");
                return Some(Delivery::End);
            }
        };
        let (lost, removed) = (page.lost, page.lost.removed > 0);
        let asked = match &mut self.phase {
            Phase::LastValues(_) => return self.last_values(&page),
            Phase::Unknown(id) => Some((std::mem::take(id), GapReason::UnknownId)),
            Phase::Lagging if removed && lost.cuts => return Some(Delivery::End),
            Phase::Lagging if removed || lost.conflated => {
                Some((self.position().to_string(), GapReason::Slow))
            }
            Phase::Replay if removed => Some((self.position().to_string(), GapReason::Expired)),
            _ => None,
        };
        self.known = page.removals;
        if self.phase != Phase::Lagging {
            self.phase = Phase::Replay;
        }
        match asked {
            Some((requested, reason)) => Some(self.gap(page, requested, reason)),
            None => self.give(&page),
        }
    }

    /// Tells of a gap before `page`, and holds the page until that is done.
    fn gap(&mut self, page: Page, requested: String, reason: GapReason) -> Delivery {
        let first = page.records.first().map(|record| record.seq);
        self.cursor = self.cursor.max(first.map_or(page.complete_to, |seq| seq.saturating_sub(1)));
        let first = self.hub.id(first.unwrap_or(page.complete_to)).to_string();
        self.held = Some(page);
        Delivery::Gap(Gap { requested, first, reason }, self.position())
    }

    /// Moves the cursor over the page.
    fn give(&mut self, page: &Page) -> Option<Delivery> {
        self.cursor = self.cursor.max(page.complete_to);
        (!page.records.is_empty()).then(|| Delivery::Frames(joined(&page.records).into()))
    }

    /// The last values, and then the place where the reader stands, which is after all of them.
    fn last_values(&mut self, page: &Page) -> Option<Delivery> {
        let more = page.complete_to < self.cursor;
        self.phase = if more { Phase::LastValues(page.complete_to) } else { Phase::Live };
        let before = page.records.iter().filter(|record| record.seq <= self.cursor);
        let mut frames = joined(before);
        if frames.is_empty() {
            return None;
        }
        encode::id_only(&mut frames, &self.position().to_event_id());
        Some(Delivery::Frames(frames.into()))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.feed.forget(self.waiter);
        self.hub.demand().remove(self.feed.selectors());
    }
}

fn joined<'a>(records: impl IntoIterator<Item = &'a Arc<Record>>) -> Vec<u8> {
    let mut frames = Vec::new();
    records.into_iter().for_each(|record| frames.extend_from_slice(&record.frame));
    frames
}

#[cfg(test)]
mod tests;
