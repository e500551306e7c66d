//! The body of an event stream's response. Gives the beginning, and then the subscriber to the connection, to go on without
//! actix-http. Where that may not be, it is pulled by actix-http whenever its write buffer has room, so a slow consumer costs
//! nothing here either.

use std::any::Any;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_http::body::{BodySize, MessageBody};
use bytes::Bytes;
use sse_hub::{CloseReason, Held};
use tokio::time::{Instant, Sleep, sleep};

use super::connection::ConnectionHandle;
use super::subscriber::{End, Subscriber};

/// Most bytes given to actix-http at once, which copies them.
const PIECE_BYTES: usize = 32 << 10;

/// The body of one response.
pub(crate) struct EventBody {
    /// `None` once the connection has it.
    subscriber: Option<Subscriber>,
    connection: Option<ConnectionHandle>,
    is_begun: bool,
    /// What is left of a large delivery.
    rest: Bytes,
    /// Its place in the budget.
    held: Option<Held>,
    heartbeat: Option<Heartbeat>,
    /// How it ends, when there is no subscriber to say so.
    end: End,
    /// All was given; what is written of it goes out before it ends.
    is_flushed: bool,
}

/// A timer that lags behind what is sent and is only moved when it fires, so that an event costs no timer operation.
struct Heartbeat {
    silence: Duration,
    timer: Pin<Box<Sleep>>,
    sent: Instant,
}

impl EventBody {
    /// A body on this connection, which takes the subscriber over if it may; with heartbeats after `silence` if not.
    pub(crate) fn new(
        subscriber: Subscriber,
        connection: Option<ConnectionHandle>,
        silence: Option<Duration>,
    ) -> Self {
        let silence = silence.filter(|_| !connection.as_ref().is_some_and(ConnectionHandle::may_take_over));
        let heartbeat = silence.map(|silence| Heartbeat {
            silence,
            timer: Box::pin(sleep(silence)),
            sent: Instant::now(),
        });
        Self {
            subscriber: Some(subscriber),
            connection,
            is_begun: false,
            rest: Bytes::new(),
            held: None,
            heartbeat,
            end: End::Clean,
            is_flushed: false,
        }
    }

    /// A stream that ends after these blocks.
    pub(crate) fn ending(blocks: Bytes, end: End) -> Self {
        Self {
            subscriber: None,
            connection: None,
            is_begun: false,
            rest: blocks,
            held: None,
            heartbeat: None,
            end,
            is_flushed: false,
        }
    }

    /// Keeps `guard` for as long as the stream is open.
    pub(crate) fn holding(mut self, guard: impl Any) -> Self {
        if let Some(subscriber) = &mut self.subscriber {
            subscriber.hold(guard);
        }
        self
    }

    /// The next bytes, once there are some.
    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, End>> {
        if let Some(connection) = self.connection.take_if(|_| self.is_begun)
            && let Some(subscriber) = self.subscriber.take()
        {
            connection.take_over(subscriber);
        }
        let Some(subscriber) = &mut self.subscriber else {
            if self.is_begun {
                // The connection has it.
                return Poll::Pending;
            }
            let blocks = std::mem::take(&mut self.rest);
            return Poll::Ready(if blocks.is_empty() { Err(self.end) } else { Ok(blocks) });
        };
        if !self.is_begun {
            self.is_begun = true;
            self.connection.take_if(|connection| !connection.begin_stream());
            return Poll::Ready(Ok(subscriber.begin()));
        }
        if self.rest.is_empty() {
            self.rest = match subscriber.poll_next(context, None) {
                Poll::Ready(Ok(frames)) => frames,
                Poll::Ready(Err(end)) => return Poll::Ready(Err(end)),
                Poll::Pending => {
                    let Some(heartbeat) = &mut self.heartbeat else { return Poll::Pending };
                    ready!(heartbeat.poll_due(context));
                    subscriber.heartbeat().unwrap_or(Bytes::from_static(Subscriber::HEARTBEAT.as_bytes()))
                }
            };
        }
        let piece = self.rest.split_to(self.rest.len().min(PIECE_BYTES));
        if self.rest.is_empty() {
            (self.rest, self.held) = (Bytes::new(), None);
        } else if self.held.is_none() {
            self.held = subscriber.budget().try_hold_delivery(self.rest.len());
            if self.held.is_none() {
                subscriber.closes(CloseReason::Memory);
                // At the memory limit the stream ends; its reader comes back with the id of what it has read.
                return Poll::Ready(Err(subscriber.interrupted()));
            }
        }
        Poll::Ready(Ok(piece))
    }

    /// actix-http drops what it has not written yet when a body fails, so it is given the time to write that.
    fn poll_abort(&mut self, context: &Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if !std::mem::replace(&mut self.is_flushed, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
    }
}

impl Heartbeat {
    fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(context));
            let (now, due) = (Instant::now(), self.sent + self.silence);
            if due <= now {
                self.timer.as_mut().reset(now + self.silence);
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due);
        }
    }
}

impl MessageBody for EventBody {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let body = self.get_mut();
        let bytes = ready!(body.poll_bytes(context));
        if let Some(heartbeat) = &mut body.heartbeat {
            heartbeat.sent = Instant::now();
        }
        match bytes {
            Ok(bytes) => Poll::Ready(Some(Ok(bytes))),
            Err(End::Clean) => Poll::Ready(None),
            Err(End::Abort) => body.poll_abort(context),
        }
    }
}
