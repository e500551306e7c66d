//! The IO type of actix-http: an accepted connection until an event stream takes its socket over.
//!
//! actix-http sees one request at a time. It gets a head up to its blank line, and nothing more before it has parsed that
//! head and said what follows ([`ConnectionHandle::decide`]): the bytes of a body, or after the answer has begun the next
//! head. What a peer sends earlier is held back, at most [`EARLY_BYTES`], so its close is noticed all the same. That bounds
//! pipelining; and it makes sure that actix-http holds no bytes of the peer when an event stream takes the socket.
//!
//! The take-over: the response body gives its subscriber to the connection instead of bytes. actix-http writes the head
//! and what else it holds, and flushes; at that flush the socket goes to a task of its own (`event_socket.rs`). From
//! then on the connection says end of file to reads and swallows writes, so actix-http ends its own task and frees its
//! buffers. A peer that has sent anything after the head is cut instead.

use std::cell::RefCell;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use actix_http::header::{CONTENT_LENGTH, UPGRADE};
use actix_http::{HttpMessage as _, Payload, Request, Version};
use sse_hub::{Budget, Held};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::deadline::Deadline;
use super::event_sockets::EventSockets;
use super::limits::SMALL_HEAD_BYTES;
use super::request_head::RequestHead;
use super::socket::Socket;
use super::subscriber::Subscriber;
use crate::client_limits::Slot;

/// Most bytes that are held back, and that are looked through for the end of a head at once.
const EARLY_BYTES: usize = 4 << 10;
/// Most bytes of a request head. The longest that is of use has 100 selectors in its path.
const HEAD_BYTES: usize = 64 << 10;
/// What actix-http holds of an answer at most, while its peer does not read.
const ANSWER_BYTES: usize = 100 << 10;

/// Not yet the answer.
const CONTINUE: &[u8] = b"HTTP/1.1 100 ";
const TOO_LARGE: &[u8] =
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// The side of actix-http.
pub(super) struct Connection(Rc<Shared>);

/// The side of the requests on the connection.
#[derive(Clone)]
pub(crate) struct ConnectionHandle(Rc<Shared>);

struct Shared {
    sockets: Rc<EventSockets>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// `None` once an event stream has it.
    socket: Option<Socket>,
    /// Goes with the socket.
    slot: Slot,
    reading: Reading,
    /// What was read and not passed on.
    early: Vec<u8>,
    /// Woken by the decision, when there is something early to pass on.
    waker: Option<Waker>,
    /// The answer to the last request may be an event stream on its own.
    may_take_over: bool,
    /// The answer is an event stream that stays with actix-http.
    is_stream: bool,
    subscriber: Option<Subscriber>,
    /// Of the head that is being read or answered.
    head_bytes: usize,
    head_held: Option<Held>,
    head_deadline: Deadline,
    write_deadline: Deadline,
    /// For an answer that waits for its peer.
    answer_held: Option<Held>,
    /// The answer has begun before the body was read: the rest of it has its time.
    is_draining: bool,
}

/// What may be passed on.
enum Reading {
    /// A request head.
    Head(RequestHead),
    /// Nothing, until a head that was passed on is decided; then until its answer begins.
    Held { decided: bool },
    /// So many bytes of a body.
    Body(u64),
    /// Everything: the end of the body cannot be told from here.
    Untracked,
}

impl Connection {
    /// `early` was read already.
    pub(super) fn new((socket, slot): (Socket, Slot), early: Vec<u8>, sockets: Rc<EventSockets>) -> Self {
        let state = State { socket: Some(socket), slot, early, ..State::default() };
        Self(Rc::new(Shared { sockets, state: RefCell::new(state) }))
    }

    pub(super) fn handle(&self) -> ConnectionHandle {
        ConnectionHandle(Rc::clone(&self.0))
    }
}

impl ConnectionHandle {
    /// actix-http has parsed this head and is about to have it answered. `false` if the connection has to end with the
    /// answer, because nobody can tell here where the next head begins.
    pub(super) fn decide(request: &mut Request) -> bool {
        let Some(Self(shared)) = request.conn_data::<Self>().cloned() else { return true };
        let state = &mut *shared.state.borrow_mut();
        let has_body = !matches!(request.payload(), Payload::None);
        // A body that ends with its connection is left to actix-http, which writes no chunks there.
        let is_chunked = request.version() >= Version::HTTP_11;
        state.may_take_over = shared.sockets.limits.direct && is_chunked && !has_body;
        if has_body {
            state.reading = body_length(request).map_or(Reading::Untracked, Reading::Body);
            state.waker.take().inspect(Waker::wake_by_ref);
        } else if let Reading::Held { decided } = &mut state.reading {
            *decided = true;
        }
        !matches!(state.reading, Reading::Untracked)
    }

    /// Would an event stream that answers now own its socket? The one place that says so.
    pub(super) fn may_take_over(&self) -> bool {
        self.0.state.borrow().may_take_over
    }

    /// An event stream begins; gives whether it owns its socket. Where it does not, too, who sends more is cut.
    pub(super) fn begin_stream(&self) -> bool {
        let state = &mut *self.0.state.borrow_mut();
        state.is_stream = !state.may_take_over;
        state.may_take_over
    }

    /// The subscriber goes on with the socket after the next flush.
    pub(super) fn take_over(&self, subscriber: Subscriber) {
        self.0.state.borrow_mut().subscriber = Some(subscriber);
    }
}

/// As actix-http reads it: it prefers chunks and WebSockets, whose bodies have no length.
fn body_length(request: &Request) -> Option<u64> {
    let headers = request.headers();
    let length = headers.get(CONTENT_LENGTH).filter(|_| !headers.contains_key(UPGRADE))?;
    length.to_str().ok()?.trim().parse().ok()
}

impl State {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        sockets: &EventSockets,
    ) -> Poll<io::Result<()>> {
        let head_timeout = sockets.limits.head_timeout;
        if self.is_draining && self.head_deadline.has_passed(head_timeout, context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        loop {
            let is_body = matches!(self.reading, Reading::Body(_) | Reading::Untracked);
            if self.is_stream && !is_body && !self.early.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
            if self.pass_early(buffer) {
                return Poll::Ready(self.count_head(&sockets.budget));
            }
            match self.reading {
                Reading::Held { .. } if self.early.len() >= EARLY_BYTES => {
                    self.waker = Some(context.waker().clone());
                    return Poll::Pending;
                }
                Reading::Body(_) | Reading::Untracked => return self.poll_body(context, buffer),
                Reading::Held { .. } | Reading::Head(_) => {}
            }
            match self.poll_early(context) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                Poll::Ready(read) => read.map(drop)?,
                Poll::Pending => {
                    if !self.early.is_empty() {
                        self.waker = Some(context.waker().clone());
                    }
                    // Empty lines before a head are a part of it here: they may not come for ever.
                    let is_partial = matches!(self.reading, Reading::Head(_)) && self.head_bytes > 0;
                    if is_partial && self.head_deadline.has_passed(head_timeout, context) {
                        return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Passes on what was held back. `false` if there is nothing that may be.
    fn pass_early(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        if let Reading::Head(head) = &self.reading {
            let skipped = head.skip(&self.early);
            self.early.drain(..skipped);
            self.head_bytes += skipped;
        }
        let most = self.early.len().min(buffer.remaining());
        let passed = match &mut self.reading {
            Reading::Held { .. } => 0,
            Reading::Untracked => most,
            Reading::Body(left) => at_most(*left, most),
            Reading::Head(head) => {
                let (taken, is_complete) = head.take(self.early.get(..most).unwrap_or_default());
                self.head_bytes += taken;
                if is_complete {
                    self.reading = Reading::Held { decided: false };
                    self.head_deadline = Deadline::default();
                }
                taken
            }
        };
        buffer.put_slice(self.early.get(..passed).unwrap_or_default());
        self.early.drain(..passed);
        if self.early.is_empty() {
            self.early = Vec::new();
        }
        self.passed(passed);
        passed > 0
    }

    /// A part of a head was passed on, or of something else.
    fn count_head(&mut self, budget: &Budget) -> io::Result<()> {
        let large = self.head_bytes.saturating_sub(SMALL_HEAD_BYTES);
        if self.head_bytes <= HEAD_BYTES && budget.try_raise(&mut self.head_held, large) {
            return Ok(());
        }
        if let Some(socket) = &self.socket {
            // Best effort: the peer is about to be cut.
            let _ = socket.try_write(TOO_LARGE);
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    /// Reads a piece, to be held back or looked through. Gives its length.
    fn poll_early(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(socket) = &mut self.socket else { return Poll::Ready(Ok(0)) };
        let mut bytes = [MaybeUninit::uninit(); EARLY_BYTES];
        let (room, _) = bytes.split_at_mut(EARLY_BYTES - self.early.len());
        let mut bytes = ReadBuf::uninit(room);
        ready!(socket.poll_read(context, &mut bytes))?;
        self.early.extend_from_slice(bytes.filled());
        Poll::Ready(Ok(bytes.filled().len()))
    }

    /// Reads bytes of a body to where actix-http wants them.
    fn poll_body(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(socket) = &mut self.socket else { return Poll::Ready(Ok(())) };
        let most = if let Reading::Body(left) = self.reading {
            at_most(left, buffer.remaining())
        } else {
            buffer.remaining()
        };
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(most));
        ready!(socket.poll_read(context, &mut part))?;
        let read = part.filled().len();
        buffer.advance(read);
        self.passed(read);
        Poll::Ready(Ok(()))
    }

    /// Counts bytes of a body that were passed on. The next head comes after the last of them.
    fn passed(&mut self, bytes: usize) {
        if let Reading::Body(left) = &mut self.reading {
            *left -= bytes as u64;
            if *left == 0 {
                self.reading = Reading::default();
                (self.head_bytes, self.head_held, self.is_draining) = (0, None, false);
                self.head_deadline = Deadline::default();
            }
        }
    }

    /// The answer has begun: the next head may be passed on.
    fn answered(&mut self, context: &Context<'_>) {
        self.is_draining = matches!(self.reading, Reading::Body(_) | Reading::Untracked);
        if matches!(self.reading, Reading::Held { decided: true }) {
            self.reading = Reading::default();
            (self.head_bytes, self.head_held) = (0, None);
            if !self.early.is_empty() {
                context.waker().wake_by_ref();
            }
        }
    }

    /// Of what the peer has sent, actix-http has got whole requests and nothing more, and there is nothing more.
    fn is_silent(&self) -> bool {
        let is_between = match &self.reading {
            Reading::Held { decided } => *decided,
            Reading::Head(head) => !head.is_begun(),
            Reading::Body(_) | Reading::Untracked => false,
        };
        is_between && self.early.is_empty()
    }
}

impl Default for Reading {
    fn default() -> Self {
        Self::Head(RequestHead::default())
    }
}

fn at_most(length: u64, most: usize) -> usize {
    usize::try_from(length).map_or(most, |length| length.min(most))
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.state.borrow_mut().poll_read(context, buffer, &self.0.sockets)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let state = &mut *self.0.state.borrow_mut();
        if !bytes.starts_with(CONTINUE) {
            state.answered(context);
        }
        let Some(socket) = &mut state.socket else { return Poll::Ready(Ok(bytes.len())) };
        let written = socket.poll_write(context, bytes);
        if written.is_ready() {
            (state.write_deadline, state.answer_held) = (Deadline::default(), None);
            return written;
        }
        let EventSockets { limits, budget, .. } = &*self.0.sockets;
        if state.write_deadline.has_passed(limits.write_timeout, context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if !budget.try_raise(&mut state.answer_held, ANSWER_BYTES) {
            return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
        }
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let state = &mut *self.0.state.borrow_mut();
        if let Some(socket) = &mut state.socket {
            ready!(socket.poll_flush(context))?;
        }
        let Some(subscriber) = state.subscriber.take() else { return Poll::Ready(Ok(())) };
        let is_silent = state.is_silent();
        let Some(socket) = state.socket.take().filter(|socket| is_silent && socket.is_silent()) else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        };
        self.0.sockets.spawn(socket, std::mem::take(&mut state.slot), subscriber);
        // To read the end of file.
        context.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0.state.borrow_mut().socket {
            Some(socket) => socket.poll_shutdown(context),
            None => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
impl ConnectionHandle {
    pub(super) fn early_bytes(&self) -> usize {
        self.0.state.borrow().early.len()
    }

    /// Somebody else has a side of the connection.
    pub(super) fn is_shared(&self) -> bool {
        Rc::strong_count(&self.0) > 1
    }
}
