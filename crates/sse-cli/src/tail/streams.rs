//! The streams that are followed, and when each has ended or is given up. Prints nothing.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use sse_client::{Event, EventSource, Signal};
use tokio::time::Instant;

use super::end::{End, reached};
use super::ends::Ends;
use crate::address::redacted;
use crate::exit::Exit;

/// Time for the first attempt, however short --wait is.
const FIRST_ATTEMPT: Duration = Duration::from_secs(10);

pub(super) struct Stream {
    pub(super) source: EventSource,
    /// Distinguishes it from others; empty when it is the only one.
    pub(super) name: String,
    /// Without user, password and query.
    pub(super) url: String,
    end: End,
    ends: Ends,
    /// --wait
    wait: Option<Duration>,
    /// Without a connection since then.
    lost: Option<Instant>,
    /// The exit code if it is given up now.
    pub(super) failure: Exit,
    pub(super) opened: bool,
    /// An attempt has failed since the last connection.
    failed: bool,
    /// When the last event arrived, or the connection was made.
    last_event: Instant,
    finished: bool,
}

/// What the loss of a connection means for its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    Reconnect,
    /// The stream is complete.
    End,
    /// Its topics are closed.
    Closed,
    /// The stream broke, and the request must not be repeated.
    Broken,
    /// --wait is over.
    GiveUp,
}

impl Stream {
    pub(super) fn new(
        source: EventSource,
        name: String,
        url: String,
        end: End,
        wait: Option<Duration>,
    ) -> Self {
        let now = Instant::now();
        let ends = Ends::of(source.url());
        Self {
            source,
            name,
            url,
            end,
            ends,
            wait,
            lost: Some(now),
            failure: Exit::Failed,
            opened: false,
            failed: false,
            last_event: now,
            finished: false,
        }
    }

    pub(super) fn opened(&mut self) {
        self.opened = true;
        self.lost = None;
        self.failed = false;
        self.last_event = Instant::now();
    }

    pub(super) fn event_done(&mut self, event: &Event) {
        self.last_event = Instant::now();
        self.ends.note(event);
    }

    /// What says that its topics are closed, if all are.
    pub(super) fn ended(&self) -> Option<String> {
        self.ends.message()
    }

    /// The connection was lost or not made. `clean`: the server ended the stream regularly.
    pub(super) fn lost(&mut self, clean: bool) -> Loss {
        let since = *self.lost.get_or_insert_with(Instant::now);
        self.failed = true;
        match self.end {
            _ if self.opened && clean && self.ends.message().is_some() => Loss::Closed,
            End::Connection | End::Silence(_) if self.opened && clean => Loss::End,
            End::Connection if self.opened => Loss::Broken,
            _ if self.wait.is_some_and(|wait| since.elapsed() >= wait) => Loss::GiveUp,
            _ => Loss::Reconnect,
        }
    }

    pub(super) fn is_past_end(&self, event: &Event) -> bool {
        matches!(self.end, End::Id(end) if reached(event.last_event_id(), end).is_some_and(|past| past))
    }

    /// Has everything arrived, up to this id?
    pub(super) fn is_complete(&self, position: &str) -> bool {
        matches!(self.end, End::Id(end) if reached(position, end).is_some())
    }

    /// When it ends or is given up, unless a signal comes first.
    fn deadline(&self) -> Option<Instant> {
        match (self.finished, self.lost, self.end) {
            (true, ..) => None,
            (false, Some(lost), _) if self.failed => lost.checked_add(self.wait?),
            (false, Some(lost), _) => lost.checked_add(self.wait?.max(FIRST_ATTEMPT)),
            (false, None, End::Silence(silence)) => self.last_event.checked_add(silence),
            (false, None, _) => None,
        }
    }

    /// What the deadline means.
    pub(super) fn at_deadline(&self) -> Loss {
        if self.lost.is_some() { Loss::GiveUp } else { Loss::End }
    }
}

/// All streams, polled round-robin.
pub(super) struct Streams {
    streams: Vec<Stream>,
    next: usize,
}

impl Streams {
    pub(super) fn new(streams: Vec<Stream>) -> Self {
        Self { streams, next: 0 }
    }

    pub(super) fn get(&mut self, index: usize) -> Option<&mut Stream> {
        self.streams.get_mut(index)
    }

    /// The one stream, if there is only one.
    pub(super) fn only(&self) -> Option<&Stream> {
        self.streams.first()
    }

    /// The URL of a stream, without secrets.
    pub(super) fn url(&self, index: usize) -> String {
        self.streams.get(index).map(|stream| redacted(stream.source.url()).to_string()).unwrap_or_default()
    }

    /// Stops reading a stream.
    pub(super) fn finish(&mut self, index: usize) {
        if let Some(stream) = self.streams.get_mut(index) {
            stream.finished = true;
        }
    }

    pub(super) fn all_finished(&self) -> bool {
        self.streams.iter().all(|stream| stream.finished)
    }

    /// The earliest deadline, with its stream.
    pub(super) fn deadline(&self) -> Option<(usize, Instant)> {
        let deadlines = self.streams.iter().enumerate();
        deadlines.filter_map(|(n, stream)| Some((n, stream.deadline()?))).min_by_key(|(_, at)| *at)
    }

    /// A stream whose last event id has reached its end, if only by a block without data.
    pub(super) fn complete(&self) -> Option<usize> {
        self.streams.iter().position(|stream| {
            !stream.finished && stream.opened && stream.is_complete(stream.source.last_event_id())
        })
    }

    /// The next signal of any stream. Pending for ever when all are finished.
    pub(super) async fn next(&mut self) -> (usize, Signal) {
        poll_fn(|context| self.poll(context)).await
    }

    pub(super) async fn ready(&mut self) -> Option<(usize, Signal)> {
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
        for index in (self.next..count).chain(0..self.next) {
            let Some(stream) = self.streams.get_mut(index).filter(|stream| !stream.finished) else {
                continue;
            };
            match pin!(stream.source.next()).poll(context) {
                Poll::Ready(Some(signal)) => {
                    self.next = (index + 1) % count;
                    return Poll::Ready((index, signal));
                }
                Poll::Ready(None) => stream.finished = true,
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }
}
