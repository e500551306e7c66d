//! The streams that are followed, and when each is to be given up or has caught up. Prints nothing.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use sse_client::{Event, EventSource, Signal};
use sse_core::RecordId;
use tokio::time::Instant;

use crate::exit::Exit;
use crate::talk;

/// A first attempt may take this long, however short the wait is.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// One stream.
pub(crate) struct Stream {
    source: EventSource,
    /// Tells it from the others; empty when there is one.
    pub(crate) name: String,
    /// Without user, password and query.
    pub(crate) url: String,
    end: End,
    /// How long to try without a connection.
    wait: Option<Duration>,
    /// Without a connection since then.
    lost: Option<Instant>,
    /// What giving up ends with.
    pub(crate) trouble: Exit,
    opened: bool,
    /// An attempt has failed since there was a connection.
    failed: bool,
    /// When the last event came, or the connection was made.
    heard: Instant,
    over: bool,
}

/// When a stream is at its end for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Never.
    Never,
    /// With its connection: the request must not be made again.
    Connection,
    /// With its connection, or when no event has come for so long.
    Silence(Duration),
    /// When everything up to this id has come.
    Id(RecordId),
}

/// What the end of a connection means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It is made again.
    Again,
    /// The stream is complete.
    End,
    /// It is not made again, though it broke.
    Broken,
    /// It has been tried for long enough.
    GiveUp,
}

impl Stream {
    pub(crate) fn new(
        source: EventSource,
        name: String,
        url: String,
        end: End,
        wait: Option<Duration>,
    ) -> Self {
        let now = Instant::now();
        Self {
            source,
            name,
            url,
            end,
            wait,
            lost: Some(now),
            trouble: Exit::Failed,
            opened: false,
            failed: false,
            heard: now,
            over: false,
        }
    }

    pub(crate) fn source(&self) -> &EventSource {
        &self.source
    }

    /// Has there been a connection?
    pub(crate) fn was_open(&self) -> bool {
        self.opened
    }

    /// A connection was made.
    pub(crate) fn opened(&mut self) {
        self.opened = true;
        self.lost = None;
        self.failed = false;
        self.heard = Instant::now();
    }

    /// An event was dealt with.
    pub(crate) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// There is no connection; `regular` if the server ended it.
    pub(crate) fn lost(&mut self, regular: bool) -> Loss {
        let since = *self.lost.get_or_insert_with(Instant::now);
        self.failed = true;
        match self.end {
            End::Connection | End::Silence(_) if self.opened && regular => Loss::End,
            End::Connection if self.opened => Loss::Broken,
            _ if self.wait.is_some_and(|wait| since.elapsed() >= wait) => Loss::GiveUp,
            _ => Loss::Again,
        }
    }

    /// Comes the event after the end?
    pub(crate) fn is_past_end(&self, event: &Event) -> bool {
        matches!(self.end, End::Id(end) if reached(event.last_event_id(), end).is_some_and(|past| past))
    }

    /// Has everything come, with what has been given out so far?
    pub(crate) fn is_complete(&self, position: &str) -> bool {
        matches!(self.end, End::Id(end) if reached(position, end).is_some())
    }

    /// When something has to be done although nothing comes.
    fn deadline(&self) -> Option<Instant> {
        match (self.over, self.lost, self.end) {
            (true, ..) => None,
            (false, Some(lost), _) if self.failed => lost.checked_add(self.wait?),
            (false, Some(lost), _) => lost.checked_add(self.wait?.max(FIRST_ANSWER)),
            (false, None, End::Silence(silence)) => self.heard.checked_add(silence),
            (false, None, _) => None,
        }
    }

    /// What is to be done at the deadline.
    pub(crate) fn overdue(&self) -> Loss {
        if self.lost.is_some() { Loss::GiveUp } else { Loss::End }
    }
}

/// Is the id at the end (`Some(false)`) or past it (`Some(true)`)? `None`: before it, or of another log.
pub(super) fn reached(id: &str, end: RecordId) -> Option<bool> {
    let id: RecordId = id.parse().ok()?;
    (id.epoch == end.epoch && id.seq >= end.seq).then_some(id.seq > end.seq)
}

/// All of them, taking turns.
pub(crate) struct Streams {
    streams: Vec<Stream>,
    turn: usize,
}

impl Streams {
    pub(crate) fn new(streams: Vec<Stream>) -> Self {
        Self { streams, turn: 0 }
    }

    pub(crate) fn get(&mut self, index: usize) -> Option<&mut Stream> {
        self.streams.get_mut(index)
    }

    /// The one stream, if there is only one.
    pub(crate) fn only(&self) -> Option<&Stream> {
        self.streams.first()
    }

    /// The URL of a stream, as it may be shown.
    pub(crate) fn url(&self, index: usize) -> String {
        self.streams.get(index).map(|stream| talk::shown(stream.source.url()).to_string()).unwrap_or_default()
    }

    /// Reads a stream no more.
    pub(crate) fn finish(&mut self, index: usize) {
        if let Some(stream) = self.streams.get_mut(index) {
            stream.over = true;
        }
    }

    pub(crate) fn all_over(&self) -> bool {
        self.streams.iter().all(|stream| stream.over)
    }

    /// The first stream that has come to its deadline, and when that is.
    pub(crate) fn deadline(&self) -> Option<(usize, Instant)> {
        let deadlines = self.streams.iter().enumerate();
        deadlines.filter_map(|(n, stream)| Some((n, stream.deadline()?))).min_by_key(|(_, at)| *at)
    }

    /// A stream whose place has reached its end, be it through blocks that are no events.
    pub(crate) fn complete(&self) -> Option<usize> {
        self.streams.iter().position(|stream| {
            !stream.over && stream.opened && stream.is_complete(stream.source.last_event_id())
        })
    }

    /// The next signal of any stream. For ever pending when all are over.
    pub(crate) async fn next(&mut self) -> (usize, Signal) {
        poll_fn(|context| self.poll(context)).await
    }

    /// The next signal, if it is there already.
    pub(crate) async fn at_hand(&mut self) -> Option<(usize, Signal)> {
        poll_fn(|context| {
            Poll::Ready(match self.poll(context) {
                Poll::Ready(signal) => Some(signal),
                Poll::Pending => None,
            })
        })
        .await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<(usize, Signal)> {
        let count = self.streams.len();
        for index in (self.turn..count).chain(0..self.turn) {
            let Some(stream) = self.streams.get_mut(index).filter(|stream| !stream.over) else { continue };
            match pin!(stream.source.next()).poll(context) {
                Poll::Ready(Some(signal)) => {
                    self.turn = (index + 1) % count;
                    return Poll::Ready((index, signal));
                }
                Poll::Ready(None) => stream.over = true,
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }
}
