//! One subscriber of an event stream: its subscription, the opening, and what ends with it. Says what is sent next; knows
//! neither chunks nor sockets. Thousands are idle, so what is rare is boxed.

use std::any::Any;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Weak;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use sse_core::payload::Gap;
use sse_core::{Event, HubBlock, RecordId, encode};
use sse_hub::{
    Budget, CloseReason, ConnectionCount, Delivery, DirectWriter, EndReason, Subscription, Transport,
};
use tokio::time::Instant;

use super::cut;
use super::drain::Drain;
use crate::json_event::json_event;

/// Reconnection time that an event stream suggests, drawn anew for each so that a restart does not bring all subscribers
/// back in the same instant.
const RETRY_MILLIS: std::ops::RangeInclusive<u64> = 1000..=2000;

/// The first blocks of an event stream: retry hint, last values, greeting.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) greeting: Option<Event>,
    /// Says where the subscriber stands. One that is cut before the first event would otherwise come back as a new one and
    /// miss what was published between. It is the greeting that says so, because many clients take an id only from a
    /// block that is dispatched; and it is last, because what comes before it is not given again.
    pub(crate) with_id: bool,
}

/// How an event stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As a whole answer.
    Clean,
    /// As if the connection had broken, for readers that take a whole answer for all there is.
    Abort,
}

pub(crate) struct Subscriber {
    subscription: Subscription,
    /// Until it is sent.
    opening: Option<Box<Opening>>,
    /// Seq of the last id that was sent.
    last_id: u64,
    rare: Option<Box<Rare>>,
    drain: Arc<Drain>,
    /// Has been told when to come back.
    is_ending: bool,
    counted: ConnectionCount,
}

/// The last blocks of an event stream, and why it ends.
pub(crate) type LastWords = (Bytes, CloseReason);

/// What few subscribers have.
#[derive(Default)]
struct Rare {
    /// What ends with the subscriber.
    guard: Option<Box<dyn Any>>,
    /// Every end but that of its topics is [`End::Abort`].
    aborts: bool,
    /// Ends it, with these blocks.
    end: Option<Pin<Box<dyn Future<Output = LastWords>>>>,
    /// For the log; only when somebody reads that.
    opened: Option<(Option<SocketAddr>, Instant)>,
}

impl Subscriber {
    /// A comment: nothing has moved.
    pub(super) const HEARTBEAT: &str = ": heartbeat\n\n";

    pub(crate) fn new(
        subscription: Subscription,
        opening: Opening,
        (transport, peer): (Transport, Option<SocketAddr>),
        drain: Arc<Drain>,
    ) -> Self {
        let last_id = subscription.position().seq;
        let topics = subscription.selectors();
        tracing::debug!(peer = peer.map(tracing::field::display), %topics, after = last_id, "subscription opened");
        let is_logged = tracing::enabled!(tracing::Level::DEBUG);
        Self {
            last_id,
            opening: Some(Box::new(opening)),
            rare: is_logged
                .then(|| Box::new(Rare { opened: Some((peer, Instant::now())), ..Rare::default() })),
            drain,
            is_ending: false,
            counted: subscription.hub().counters().open_connection(transport),
            subscription,
        }
    }

    /// Keeps `guard` as long as it lives.
    pub(super) fn hold(&mut self, guard: impl Any) {
        self.rare.get_or_insert_default().guard = Some(Box::new(guard));
    }

    /// Ends in an abort, unless its topics are over.
    pub(crate) fn abort(&mut self) {
        self.rare.get_or_insert_default().aborts = true;
    }

    /// Ends once `end` resolves, with the blocks that it gives.
    pub(crate) fn end_after(&mut self, end: impl Future<Output = LastWords> + 'static) {
        self.rare.get_or_insert_default().end = Some(Box::pin(end));
    }

    /// The beginning of the opening, as far as nothing has to be waited for. To be sent first, once.
    pub(super) fn begin(&mut self) -> Bytes {
        let mut blocks = Vec::with_capacity(256);
        encode::retry(&mut blocks, Duration::from_millis(fastrand::u64(RETRY_MILLIS)));
        if !self.subscription.may_have_last_values() {
            self.greet(&mut blocks);
        }
        blocks.into()
    }

    /// What is sent next, not empty, or how it ends. Meanwhile the fan-out may send frames through `writer`; see
    /// [`Self::note_sent`].
    pub(super) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        writer: Option<&Weak<dyn DirectWriter>>,
    ) -> Poll<Result<Bytes, End>> {
        if let Some(rare) = &mut self.rare
            && let Some(end) = &mut rare.end
            && let Poll::Ready((blocks, reason)) = end.as_mut().poll(context)
        {
            rare.end = None;
            self.counted.closes(reason);
            self.opening = None;
            self.is_ending = true;
            self.subscription.end();
            return Poll::Ready(Ok(blocks));
        }
        if self.opening.is_some() {
            if let Some(delivery) = ready!(self.subscription.poll_last_values(context)) {
                return Poll::Ready(self.encoded(delivery));
            }
            let mut blocks = Vec::with_capacity(256);
            self.greet(&mut blocks);
            if !blocks.is_empty() {
                return Poll::Ready(Ok(blocks.into()));
            }
        }
        let delivery = ready!(self.subscription.poll_next_with(context, writer));
        self.last_id = self.subscription.position().seq;
        Poll::Ready(self.encoded(delivery))
    }

    /// Its connection is about to be closed for this reason.
    pub(super) fn closes(&self, reason: CloseReason) {
        self.counted.closes(reason);
    }

    fn encoded(&mut self, delivery: Delivery) -> Result<Bytes, End> {
        let reason = match delivery {
            Delivery::Frames(frames) => return Ok(frames),
            Delivery::Gap(gap, id) => return Ok(gap_frame(&gap, id)),
            Delivery::End(reason) => reason,
        };
        self.counted.closes(match reason {
            EndReason::Closed | EndReason::Ended => CloseReason::Ended,
            EndReason::SlowConsumer => CloseReason::SlowConsumer,
            EndReason::Unreadable => CloseReason::Log,
            EndReason::Shutdown => CloseReason::Shutdown,
        });
        match self.drain.retry() {
            _ if reason == EndReason::Closed => Err(End::Clean),
            Some(retry) if !std::mem::replace(&mut self.is_ending, true) => {
                let mut block = Vec::with_capacity(32);
                encode::retry(&mut block, retry);
                Ok(block.into())
            }
            _ => Err(self.interrupted()),
        }
    }

    /// How it ends while its topics go on.
    pub(super) fn interrupted(&self) -> End {
        let aborts = self.rare.as_ref().is_some_and(|rare| rare.aborts);
        if aborts { End::Abort } else { End::Clean }
    }

    /// Notes that the fan-out has sent the records up to `seq`.
    pub(super) fn note_sent(&mut self, seq: u64) {
        self.last_id = seq;
    }

    /// What to send after silence: the id to resume from, if events of other topics have moved the position, so that a
    /// quiet stream resumes cheaply; else [`Self::HEARTBEAT`].
    pub(super) fn heartbeat(&mut self) -> Option<Bytes> {
        let position = self.subscription.position();
        // During the opening the position is after last values that are yet to come.
        if position.seq <= self.last_id || self.opening.is_some() {
            return None;
        }
        self.last_id = position.seq;
        let mut block = Vec::with_capacity(32);
        encode::id_only(&mut block, &position.to_event_id());
        Some(block.into())
    }

    pub(super) fn budget(&self) -> &Budget {
        self.subscription.hub().budget()
    }

    /// Ends the opening.
    fn greet(&mut self, out: &mut Vec<u8>) {
        let Some(Opening { greeting, with_id }) = self.opening.take().map(|opening| *opening) else { return };
        let id = with_id.then(|| self.subscription.position().to_event_id());
        match (greeting.map(|greeting| greeting.with_hub(HubBlock::Greeting)), id) {
            (Some(greeting), Some(id)) => encode::event(out, &greeting.with_id(id)),
            (Some(greeting), None) => encode::event(out, &greeting),
            (None, Some(id)) => encode::id_only(out, &id),
            (None, None) => {}
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        cut::reason().inspect(|reason| self.closes(*reason));
        let Some((peer, opened)) = self.rare.as_ref().and_then(|rare| rare.opened) else { return };
        let (peer, topics) = (peer.map(tracing::field::display), self.subscription.selectors());
        let (position, seconds) = (self.subscription.position().seq, opened.elapsed().as_secs());
        tracing::debug!(peer, %topics, position, seconds, "subscription closed");
    }
}

/// The gap as an event; its id is where the stream goes on. If the connection drops right after it, the next gap may
/// report the losses of other topics again.
fn gap_frame(gap: &Gap, id: RecordId) -> Bytes {
    let mut frame = Vec::with_capacity(128);
    let event = json_event("gap", gap).with_id(id.to_event_id()).with_hub(HubBlock::Gap);
    encode::event(&mut frame, &event);
    frame.into()
}
