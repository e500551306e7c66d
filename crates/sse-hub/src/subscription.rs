//! Subscription: one subscriber's cursor over the log. Replay and live are one loop: read the log while behind the feed,
//! then the feed. Owns no queue; knows no HTTP and no other subscribers, only the writer through which its feed may send
//! frames while it waits.

use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::future::BoxFuture;
use sse_core::payload::{Gap, GapReason};
use sse_core::{RecordId, encode};
use tokio::time::Instant;

use crate::counters::Counters;
use crate::direct_writer::DirectWriter;
use crate::fanout::feed::Feed;
use crate::fanout::ring::Next;
use crate::hub::Hub;
use crate::log::{Page, Read, ReadError, ReadMode, Record};
use crate::selectors::Selectors;
use crate::start::Position;

/// Most records and bytes read from the log at a time while catching up. A record that passes the bytes is the
/// last of its page.
const PAGE_RECORDS: usize = 256;
const PAGE_BYTES: u64 = 32 << 10;

/// What a subscription gives next.
#[derive(Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Whole frames, back to back.
    Frames(Bytes),
    /// Events the subscriber asked for are not there any more; it goes on after the id.
    Gap(Gap, RecordId),
    /// There will be no more.
    End,
}

/// What one subscriber has been given, and what comes next.
pub struct Subscription {
    hub: Hub,
    feed: Rc<Feed>,
    /// Every wanted record up to this seq has been given, or the subscriber was told that it is lost.
    cursor: u64,
    /// Where the feed may send frames by itself.
    writer: Option<Weak<dyn DirectWriter>>,
    /// Key among the feed's parked subscribers.
    parked: Option<usize>,
    /// Removals that are no loss to this subscriber: it was told, or never asked for what is gone.
    acknowledged_removals: u64,
    /// How the subscriber came to its cursor.
    phase: Phase,
    /// A read of the log under way.
    reading: Option<BoxFuture<'static, Result<Page, ReadError>>>,
    /// A page that was read, while the gap before it is delivered.
    page_after_gap: Option<Page>,
}

/// What the next read of the log is for.
#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// The first reads of a subscriber that starts now: the last values of its topics, from after this seq on.
    LastValues(u64),
    /// The first read of a subscriber that asked for what is kept, so nothing that is gone already is missing.
    Kept,
    /// The first read of a subscriber that asked for an id that is not of this log.
    Unknown(String),
    /// Catching up for the first time.
    Replay,
    /// The feed was reached.
    Live,
    /// The feed was reached once, and then lost.
    Lagging,
}

impl Subscription {
    /// The head was sampled when `position` was found: what is appended later is past the cursor, so it will be given.
    pub(crate) fn new(hub: Hub, feed: Rc<Feed>, position: Position) -> Self {
        let cursor = position.seq();
        let phase = match position {
            Position::Head(_) if hub.may_have_last_values(feed.selectors()) => Phase::LastValues(0),
            Position::Head(_) => Phase::Live,
            Position::Kept(_) => Phase::Kept,
            Position::After(_) => Phase::Replay,
            Position::Unknown(id) => Phase::Unknown(id),
        };
        hub.interest().add(feed.selectors());
        Self {
            hub,
            feed,
            cursor,
            writer: None,
            parked: None,
            acknowledged_removals: 0,
            phase,
            reading: None,
            page_after_gap: None,
        }
    }

    /// Lets the fan-out write frames past [`Self::poll_next`] while that is pending; [`Self::last_direct_write`] tells of
    /// them.
    pub fn with_direct_writer(mut self, writer: Option<Weak<dyn DirectWriter>>) -> Self {
        self.writer = writer;
        self
    }

    /// The id to resume from: every wanted record up to it has been given.
    pub fn position(&self) -> RecordId {
        let sent = self.last_direct_write().map_or(0, |(seq, _)| seq);
        self.hub.id(self.cursor.max(sent))
    }

    /// The last direct write: up to which seq, and when.
    pub fn last_direct_write(&self) -> Option<(u64, Instant)> {
        self.feed.last_direct_write(self.parked)
    }

    /// The hub that this subscription is with.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// The topics this subscription is for.
    pub fn selectors(&self) -> &Selectors {
        self.feed.selectors()
    }

    /// The next delivery. Cancel safe.
    pub async fn next(&mut self) -> Delivery {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The next delivery, as soon as there is one.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Delivery> {
        if let Some(cursor) = self.feed.unpark(self.parked) {
            self.cursor = self.cursor.max(cursor);
        }
        loop {
            if let Some(page) = self.page_after_gap.take()
                && let Some(delivery) = self.deliver(&page)
            {
                return Poll::Ready(delivery);
            }
            if let Some(reading) = &mut self.reading {
                let page = ready!(reading.as_mut().poll(context));
                self.reading = None;
                if let Some(delivery) = self.page_read(page) {
                    return Poll::Ready(delivery);
                }
                continue;
            }
            if matches!(self.phase, Phase::LastValues(_) | Phase::Kept | Phase::Unknown(_)) {
                self.read();
                continue;
            }
            match self.feed.after(self.cursor, self.phase == Phase::Live) {
                Next::Frames(frames, cursor) => {
                    self.move_to(cursor);
                    return Poll::Ready(Delivery::Frames(frames));
                }
                Next::Nothing(cursor) => {
                    self.move_to(cursor);
                    self.feed.park(&mut self.parked, context, cursor, self.writer.as_ref());
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

    /// The feed has brought the subscriber here: it is live.
    fn move_to(&mut self, cursor: u64) {
        self.cursor = cursor;
        self.phase = Phase::Live;
    }

    /// Starts to read a page of the log.
    fn read(&mut self) {
        let (after, mode) = match self.phase {
            Phase::LastValues(after) => (after, ReadMode::LastValues),
            Phase::Lagging => (self.cursor, ReadMode::Conflated),
            _ => (self.cursor, ReadMode::All),
        };
        let selectors = self.feed.selectors().clone();
        self.reading = Some(self.hub.read(Read {
            selectors,
            after,
            acknowledged_removals: self.acknowledged_removals,
            mode,
            max_records: PAGE_RECORDS,
            max_bytes: PAGE_BYTES,
        }));
    }

    /// A page was read: what it delivers, or the gap that comes before it.
    fn page_read(&mut self, page: Result<Page, ReadError>) -> Option<Delivery> {
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, cursor = self.cursor, "subscription ended");
                return Some(Delivery::End);
            }
        };
        let (lost, removed) = (page.lost, page.lost.removed > 0);
        let gap = match &mut self.phase {
            Phase::LastValues(_) => return self.last_values(&page),
            Phase::Unknown(id) => Some((std::mem::take(id), GapReason::UnknownId)),
            Phase::Lagging if removed && lost.disconnects => return Some(Delivery::End),
            Phase::Lagging if removed || lost.conflated => {
                Some((self.position().to_string(), GapReason::Slow))
            }
            Phase::Replay if removed => Some((self.position().to_string(), GapReason::Expired)),
            _ => None,
        };
        self.acknowledged_removals = page.removals;
        if self.phase != Phase::Lagging {
            self.phase = Phase::Replay;
        }
        match gap {
            Some((requested, reason)) => Some(self.gap(page, requested, reason)),
            None => self.deliver(&page),
        }
    }

    /// Delivers a gap before `page`, which follows.
    fn gap(&mut self, page: Page, requested: String, reason: GapReason) -> Delivery {
        Counters::add(&self.hub.counters().gaps, 1);
        let first = page.records.first().map(|record| record.seq);
        self.cursor = self.cursor.max(first.map_or(page.complete_to, |seq| seq.saturating_sub(1)));
        let first = self.hub.id(first.unwrap_or(page.complete_to)).to_string();
        self.page_after_gap = Some(page);
        Delivery::Gap(Gap { requested, first, reason }, self.position())
    }

    /// Delivers the page, and moves the cursor over it.
    fn deliver(&mut self, page: &Page) -> Option<Delivery> {
        self.cursor = self.cursor.max(page.complete_to);
        (!page.records.is_empty()).then(|| Delivery::Frames(joined(&page.records).into()))
    }

    /// The last values, and then the place where the subscriber stands, which is after all of them.
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
        self.feed.forget(self.parked);
        self.hub.interest().remove(self.feed.selectors());
    }
}

fn joined<'a>(records: impl IntoIterator<Item = &'a Arc<Record>>) -> Vec<u8> {
    let mut frames = Vec::new();
    records.into_iter().for_each(|record| frames.extend_from_slice(&record.frame));
    frames
}

#[cfg(test)]
mod tests;
