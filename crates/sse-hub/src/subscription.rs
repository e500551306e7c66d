//! Subscription: one subscriber's cursor over the log. Replay and live are one loop: read the log while behind the feed,
//! then the feed. Owns no queue; knows no HTTP and no other subscribers. A hub has many that are idle, so what only a
//! subscriber that catches up needs is boxed.

use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::future::BoxFuture;
use sse_core::RecordId;
use sse_core::payload::{Gap, GapReason};

use crate::counters::Counters;
use crate::direct_writer::DirectWriter;
use crate::fanout::feed::Feed;
use crate::fanout::ring::Next;
use crate::hub::Hub;
use crate::log::{Page, Read, ReadError, ReadMode, joined};
use crate::selectors::Selectors;
use crate::start::Position;

/// Most records and bytes read from the log at a time while catching up. A record that passes the bytes is the
/// last of its page.
const PAGE_RECORDS: usize = 256;
const PAGE_BYTES: u64 = 32 << 10;

const UNREADABLE: Option<Delivery> = Some(Delivery::End(EndReason::Unreadable));

/// What a subscription gives next.
#[derive(Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Whole frames, back to back.
    Frames(Bytes),
    /// Events the subscriber asked for are not there any more; it goes on after the id.
    Gap(Gap, RecordId),
    /// There will be no more.
    End(EndReason),
}

/// Why there will be no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// All of its topics are closed.
    Closed,
    /// Retention has removed what a slow consumer had not been given.
    SlowConsumer,
    /// The log cannot be read.
    Unreadable,
    /// The hub stops.
    Shutdown,
    /// [`Subscription::end`] was called.
    Ended,
}

/// What one subscriber has been given, and what comes next.
pub struct Subscription {
    hub: Hub,
    feed: Rc<Feed>,
    /// Every wanted record up to this seq has been given, or the subscriber was told that it is lost.
    cursor: u64,
    /// Key among the feed's parked subscribers.
    parked: Option<usize>,
    /// Removals that are no loss to this subscriber: it was told, or never asked for what is gone.
    acknowledged_removals: u64,
    /// How the subscriber came to its cursor.
    phase: Phase,
    /// [`Hub::closes`] when it was last looked whether this subscription has ended.
    closes: u64,
    /// A read of the log under way.
    reading: Option<BoxFuture<'static, Result<Page, ReadError>>>,
    /// A page that was read, while the gap before it is delivered.
    page_after_gap: Option<Box<Page>>,
}

/// What the next read of the log is for.
#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// The first reads of a subscriber that starts now: the last values of its topics, from after this seq on.
    LastValues(u64),
    /// The first read of a subscriber that asked for what is kept, so nothing that is gone already is missing.
    Kept,
    /// The first read of a subscriber that asked for an id that is not of this log.
    Unknown(Box<(String, GapReason)>),
    /// Catching up for the first time.
    Replay,
    /// The feed was reached.
    Live,
    /// The feed was reached once, and then lost.
    Lagging,
    /// There is none.
    Ended(EndReason),
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
            Position::Unknown { requested, reason, .. } => Phase::Unknown(Box::new((requested, reason))),
        };
        hub.subscribed(feed.selectors());
        Self {
            hub,
            feed,
            cursor,
            parked: None,
            acknowledged_removals: 0,
            phase,
            closes: 0,
            reading: None,
            page_after_gap: None,
        }
    }

    /// The id to resume from: every wanted record up to it has been given, directly or not.
    pub fn position(&self) -> RecordId {
        let parked = self.feed.position(self.parked);
        self.hub.place(parked.map_or(self.cursor, |seq| seq.max(self.cursor)), self.selectors())
    }

    /// Last values may come before anything else; see [`Self::poll_last_values`].
    pub fn may_have_last_values(&self) -> bool {
        matches!(self.phase, Phase::LastValues(_))
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
        self.poll_next_with(context, None)
    }

    /// As [`Self::poll_next`]; while that is pending, the fan-out may write frames through `writer`, past the task. Every
    /// call names the same one.
    pub fn poll_next_with(
        &mut self,
        context: &mut Context<'_>,
        writer: Option<&Weak<dyn DirectWriter>>,
    ) -> Poll<Delivery> {
        if let Some(place) = self.feed.unpark(self.parked) {
            self.cursor = self.cursor.max(place.cursor);
            if place.is_ended {
                self.phase = Phase::Ended(EndReason::Shutdown);
            }
        }
        if let Phase::Ended(reason) = self.phase {
            return Poll::Ready(Delivery::End(reason));
        }
        if let Some(delivery) = ready!(self.poll_last_values(context)) {
            return Poll::Ready(delivery);
        }
        loop {
            if let Some(page) = self.page_after_gap.take()
                && let Some(delivery) = self.deliver(&page)
            {
                return Poll::Ready(delivery);
            }
            if self.reading.is_some() || matches!(self.phase, Phase::Kept | Phase::Unknown(_)) {
                let page = ready!(self.poll_page(context));
                if let Some(delivery) = page.map_or(UNREADABLE, |page| self.page_read(page)) {
                    return Poll::Ready(delivery);
                }
                continue;
            }
            match self.feed.after(self.cursor, self.phase == Phase::Live) {
                Next::Frames(frames, cursor) => {
                    self.move_to(cursor);
                    return Poll::Ready(Delivery::Frames(frames));
                }
                Next::Nothing(cursor) => {
                    self.move_to(cursor);
                    if self.has_ended() {
                        return Poll::Ready(Delivery::End(EndReason::Closed));
                    }
                    self.feed.park(&mut self.parked, context, cursor, writer);
                    return Poll::Pending;
                }
                Next::Behind => {
                    if self.phase == Phase::Live {
                        self.phase = Phase::Lagging;
                    }
                    self.reading = Some(self.read());
                }
                Next::Closed => return Poll::Ready(Delivery::End(EndReason::Shutdown)),
            }
        }
    }

    /// The next of the last values that a subscriber which starts now is given before anything else; `None` when there are
    /// no more. [`Self::position`] is after all of them.
    pub fn poll_last_values(&mut self, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        while self.may_have_last_values() {
            let page = ready!(self.poll_page(context));
            if let Some(delivery) = page.map_or(UNREADABLE, |page| self.last_values(&page)) {
                return Poll::Ready(Some(delivery));
            }
        }
        Poll::Ready(None)
    }

    /// Gives nothing more, past its task neither.
    pub fn end(&mut self) {
        self.feed.unpark(self.parked);
        self.phase = Phase::Ended(EndReason::Ended);
    }

    /// All of its topics are closed, and it has got everything.
    pub fn has_ended(&mut self) -> bool {
        let closes = self.hub.closes();
        if closes == self.closes {
            return false;
        }
        match self.hub.end(self.selectors()) {
            // What closes is on its way.
            Some(end) if end > self.cursor => false,
            end => {
                self.closes = closes;
                end.is_some()
            }
        }
    }

    /// The feed has brought the subscriber here: it is live.
    fn move_to(&mut self, cursor: u64) {
        self.cursor = cursor;
        self.feed.given(self.parked, cursor, &[]);
        self.phase = Phase::Live;
    }

    /// The next page of the log. `None` when it cannot be read, which ends the subscription.
    fn poll_page(&mut self, context: &mut Context<'_>) -> Poll<Option<Page>> {
        let mut reading = self.reading.take().unwrap_or_else(|| self.read());
        let Poll::Ready(page) = reading.as_mut().poll(context) else {
            self.reading = Some(reading);
            return Poll::Pending;
        };
        Counters::add(&self.hub.counters().replay_reads, 1);
        let failed = |error: &ReadError| tracing::error!(%error, cursor = self.cursor, "subscription ended");
        Poll::Ready(page.inspect_err(failed).ok())
    }

    fn read(&self) -> BoxFuture<'static, Result<Page, ReadError>> {
        let (after, mode) = match self.phase {
            Phase::LastValues(after) => (after, ReadMode::LastValues),
            Phase::Lagging => (self.cursor, ReadMode::Conflated),
            _ => (self.cursor, ReadMode::All),
        };
        self.hub.read(Read {
            selectors: self.feed.selectors().clone(),
            after,
            acknowledged_removals: self.acknowledged_removals,
            mode,
            max_records: PAGE_RECORDS,
            max_bytes: PAGE_BYTES,
        })
    }

    /// A page was read: what it delivers, or the gap that comes before it.
    fn page_read(&mut self, page: Page) -> Option<Delivery> {
        let (lost, removed) = (page.lost, page.lost.removed > 0);
        let gap = match &mut self.phase {
            Phase::Unknown(asked) => Some((std::mem::take(&mut asked.0), asked.1)),
            _ if page.lost.acknowledged => Some((self.position().to_string(), GapReason::Lost)),
            _ if page.lost.damaged => Some((self.position().to_string(), GapReason::Damaged)),
            Phase::Lagging if removed && lost.disconnects => {
                return Some(Delivery::End(EndReason::SlowConsumer));
            }
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
        self.hub.counters().add_gap(reason);
        let first = page.records.first().map(|record| record.seq);
        self.cursor = self.cursor.max(first.map_or(page.complete_to, |seq| seq.saturating_sub(1)));
        let first = first.map_or_else(|| self.position(), |seq| self.hub.id(seq)).to_string();
        self.page_after_gap = Some(Box::new(page));
        Delivery::Gap(Gap { requested, first, reason }, self.position())
    }

    /// Delivers the page, and moves the cursor over it.
    fn deliver(&mut self, page: &Page) -> Option<Delivery> {
        self.cursor = self.cursor.max(page.complete_to);
        self.feed.given(self.parked, self.cursor, &page.records);
        (!page.records.is_empty()).then(|| Delivery::Frames(joined(&page.records)))
    }

    /// The last values of this page.
    fn last_values(&mut self, page: &Page) -> Option<Delivery> {
        let more = page.complete_to < self.cursor;
        self.phase = if more { Phase::LastValues(page.complete_to) } else { Phase::Live };
        let before = page.records.partition_point(|record| record.seq <= self.cursor);
        let before = page.records.get(..before).unwrap_or_default();
        self.feed.given(self.parked, self.cursor, before);
        (!before.is_empty()).then(|| Delivery::Frames(joined(before)))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.feed.forget(self.parked);
        self.hub.unsubscribed(self.feed.selectors());
    }
}

#[cfg(test)]
mod tests;
