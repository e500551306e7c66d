//! The stream: a state machine of connecting, reading and waiting. Spawns nothing; dropping it closes the connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use reqwest::{Response, Url};
use sse_core::Decoder;
use tokio::time::Sleep;

use crate::backoff::Backoff;
use crate::body::Body;
use crate::event::Event;
use crate::idle::IdleTimer;
use crate::request::{PendingResponse, Request};
use crate::response::{Outcome, RetryPolicy};
use crate::signal::{CloseReason, Interruption, Opened, Reconnecting, Signal};

/// Reads one event stream, and reconnects when the connection is lost. A [`Stream`] of [`Signal`]s that ends after
/// [`Signal::Closed`].
///
/// Each attempt starts at the original URL and follows redirects again, so a redirect to a server that has gone, or to a
/// URL that works only once, does not end the stream, and the next attempt does not send credentials to another origin.
/// (The standard lets browsers continue at the last redirect.) 301, 302, 303, 307 and 308 are followed, at most 20; the
/// first three turn a POST into a GET. `Authorization` and `Cookie` are not sent to another origin.
///
/// Must be polled within a tokio runtime with I/O and time enabled. At most one piece of the body is read ahead of the
/// caller, so a slow caller slows the server down and does not fill memory.
#[must_use = "nothing is read until the source is polled"]
pub struct EventSource {
    request: Request,
    decoder: Decoder,
    /// The last event id of the decoder, shared with the events.
    last_event_id: Arc<str>,
    backoff: Backoff,
    retry: RetryPolicy,
    idle: IdleTimer,
    state: State,
}

enum State {
    /// Before an attempt.
    Disconnected,
    /// The request was sent.
    Connecting(PendingResponse),
    /// The stream is open.
    Reading(Body),
    /// Until the next attempt.
    Waiting(Pin<Box<Sleep>>),
    Closed,
}

impl EventSource {
    pub(crate) fn assemble(
        request: Request,
        decoder: Decoder,
        backoff: Backoff,
        retry: RetryPolicy,
        idle_timeout: Option<Duration>,
    ) -> Self {
        let last_event_id = decoder.last_event_id().into();
        let idle = IdleTimer::new(idle_timeout);
        Self { request, decoder, last_event_id, backoff, retry, idle, state: State::Disconnected }
    }

    /// The URL at which each attempt starts.
    pub fn url(&self) -> &Url {
        self.request.url()
    }

    /// The id that the next connection resumes from. It can be newer than that of the last event, since blocks without
    /// data also set it.
    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// The next signal; `None` after [`Signal::Closed`]. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Signal> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Sends the request, or closes if it is invalid.
    fn connect(&mut self) -> Option<Signal> {
        match self.request.send(self.decoder.last_event_id()) {
            Ok(answer) => {
                self.idle.restart();
                self.state = State::Connecting(answer);
                None
            }
            Err(reason) => Some(self.close(reason)),
        }
    }

    fn answered(&mut self, answer: reqwest::Result<Response>) -> Signal {
        match answer.map(|response| self.retry.outcome(response)) {
            Ok(Outcome::Open(response)) => {
                self.idle.restart();
                let url = response.url().clone();
                self.state = State::Reading(Body::new(response));
                Signal::Opened(Opened { url })
            }
            Ok(Outcome::Retry { status, min_delay }) => {
                self.interrupt(Interruption::Status(status), min_delay)
            }
            Ok(Outcome::Close(reason)) => self.close(reason),
            Err(error) if error.is_builder() => self.close(CloseReason::Request(error)),
            Err(error) => self.interrupt(Interruption::Network(error), Duration::ZERO),
        }
    }

    /// Drops the connection and the incomplete event, and waits for at least `min_delay`.
    fn interrupt(&mut self, reason: Interruption, min_delay: Duration) -> Signal {
        self.decoder.restart();
        let asked = self.decoder.retry().map(|retry| retry.min(self.retry.max_retry));
        let Some(delay) = self.backoff.next_delay_from(asked) else {
            let reconnects = self.backoff.attempts();
            return self.close(CloseReason::GaveUp { reconnects, last: reason });
        };
        let delay = delay.max(min_delay);
        self.state = State::Waiting(Box::pin(tokio::time::sleep(delay)));
        Signal::Reconnecting(Reconnecting { reason, delay, attempt: self.backoff.attempts() })
    }

    fn close(&mut self, reason: CloseReason) -> Signal {
        self.state = State::Closed;
        Signal::Closed(reason)
    }
}

/// Decodes up to the next event of the current piece; `None` when it is used up.
fn decode(body: &mut Body, decoder: &mut Decoder, last_event_id: &mut Arc<str>) -> Option<Signal> {
    loop {
        let found = body.read_line(|line| {
            // A line gives at most one item, so this exhausts the iterator.
            let mut found = decoder.feed(line);
            let signal = found.next()?;
            if found.last_event_id() != &**last_event_id {
                *last_event_id = found.last_event_id().into();
            }
            Some(signal)
        })?;
        match found {
            Some(Ok(event)) => return Some(Signal::Event(Event::new(event, Arc::clone(last_event_id)))),
            Some(Err(error)) => return Some(Signal::Dropped(error)),
            None => {}
        }
    }
}

impl Stream for EventSource {
    type Item = Signal;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Signal>> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Disconnected => {
                    if let Some(closed) = this.connect() {
                        return Poll::Ready(Some(closed));
                    }
                }
                State::Connecting(answer) => {
                    if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                        return Poll::Ready(Some(this.answered(answer)));
                    }
                    let limit = ready!(this.idle.poll_over(cx));
                    return Poll::Ready(Some(this.interrupt(Interruption::Idle(limit), Duration::ZERO)));
                }
                State::Reading(body) => {
                    if let Some(signal) = decode(body, &mut this.decoder, &mut this.last_event_id) {
                        return Poll::Ready(Some(signal));
                    }
                    let reason = match body.poll_piece(cx) {
                        Poll::Ready(Some(Ok(()))) => {
                            this.backoff.reset();
                            this.idle.restart();
                            continue;
                        }
                        Poll::Ready(Some(Err(error))) => Interruption::Network(error),
                        Poll::Ready(None) => Interruption::End,
                        Poll::Pending => Interruption::Idle(ready!(this.idle.poll_over(cx))),
                    };
                    return Poll::Ready(Some(this.interrupt(reason, Duration::ZERO)));
                }
                State::Waiting(delay) => {
                    ready!(delay.as_mut().poll(cx));
                    this.state = State::Disconnected;
                }
                State::Closed => return Poll::Ready(None),
            }
        }
    }
}

impl std::fmt::Debug for EventSource {
    /// Without the headers, which may contain secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventSource")
            .field("last_event_id", &self.last_event_id())
            .field("backoff", &self.backoff)
            .finish_non_exhaustive()
    }
}
