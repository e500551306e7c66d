//! The stream itself: a state machine over connecting, reading and waiting. Spawns nothing; dropping it ends
//! the connection.

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
use crate::request::{Answer, Request};
use crate::response::{Outcome, RetryPolicy};
use crate::signal::{CloseReason, Interruption, Opened, Reconnecting, Signal};

/// Reads one event stream, and connects again when it is lost. A [`Stream`] of [`Signal`]s that ends after
/// [`Signal::Closed`].
///
/// Each attempt goes to the URL it was made with and follows redirects from there anew, so that a redirect to a server
/// that is gone, or to a URL that was good once, ends nothing, and headers that were held back from another origin are
/// not sent to it by the next attempt. (The standard lets browsers go on at the last redirect.) 301, 302, 303, 307 and
/// 308 are followed, 20 at most; the first three make a GET of a POST. `Authorization` and `Cookie` do not go to another
/// origin.
///
/// Must be polled within a tokio runtime
/// that has I/O and time enabled. Nothing is read ahead of the caller beyond one piece of the body, so a slow
/// reader slows the server down and does not fill memory.
#[must_use = "nothing is read until the source is polled"]
pub struct EventSource {
    request: Request,
    decoder: Decoder,
    /// The decoder's last event id, shared with the events given out.
    last_event_id: Arc<str>,
    backoff: Backoff,
    retry: RetryPolicy,
    idle: IdleTimer,
    state: State,
}

enum State {
    /// Ready for an attempt.
    Disconnected,
    /// The request is out.
    Connecting(Answer),
    /// The answer was good.
    Reading(Body),
    /// The reconnection delay runs.
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

    /// The URL that each attempt goes to.
    pub fn url(&self) -> &Url {
        self.request.url()
    }

    /// The id that the next connection resumes from. It can be newer than that of the last event, because
    /// blocks without data move it too.
    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// The next signal; `None` after [`Signal::Closed`]. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Signal> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Sends the request, or closes when none can be made.
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
        let Some(delay) = self.backoff.next_delay_from(self.decoder.retry()) else {
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

/// Decodes up to the next event in the piece at hand; `None` once it is used up.
fn decode(body: &mut Body, decoder: &mut Decoder, last_event_id: &mut Arc<str>) -> Option<Signal> {
    loop {
        let found = body.read_line(|line| {
            // One line gives at most one item, so this runs the iterator to its end.
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
    /// Without the headers, which may hold a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventSource")
            .field("last_event_id", &self.last_event_id())
            .field("backoff", &self.backoff)
            .finish_non_exhaustive()
    }
}
