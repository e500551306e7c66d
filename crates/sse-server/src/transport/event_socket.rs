//! The socket of an event stream, once the response head is out and actix-http is gone: a subscriber, and a small future that
//! sends what comes next. While it waits, two others write past it: the fan-out, which is how nearly all
//! deliveries go out, and the worker's heartbeat timer (`event_sockets.rs`). All are on one thread.
//!
//! What a write leaves over stands in `unwritten`; until it is written nobody writes anything else, so chunks stay whole
//! and in order. The peer has nothing more to say: a byte from it ends the stream, as its close does.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::io;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use sse_hub::{CloseReason, DirectWriter, SharedFrames, WriteOutcome};
use tokio::task::coop;
use tokio::time::Instant;

use super::chunk::{self, Chunk};
use super::limits::Limits;
use super::socket::Socket;
use super::subscriber::{End, Subscriber};
use super::unfinished_writes::{UnfinishedWrite, UnfinishedWrites};
use crate::client_limits::Slot;

/// Frames up to here are copied into one chunk that all connections share; larger ones are written from where they are.
const COPIED_BYTES: usize = 32 << 10;

/// The comment of [`Subscriber::HEARTBEAT`] as a chunk.
const HEARTBEAT: &[u8] = b"D\r\n: heartbeat\n\n\r\n";

/// Sends until the stream ends, or its peer does.
pub(super) struct Sending {
    socket: Rc<EventSocket>,
    is_ended: bool,
}

pub(super) struct EventSocket {
    socket: Socket,
    _slot: Slot,
    subscriber: RefCell<Subscriber>,
    unwritten: RefCell<Option<Box<(Chunk, UnfinishedWrite)>>>,
    /// Last progress of a write.
    written: Cell<Instant>,
    is_cut: Cell<bool>,
    /// Of the future that drives it.
    waker: OnceCell<Waker>,
    unfinished: Rc<UnfinishedWrites>,
}

impl EventSocket {
    pub(super) fn new(
        (socket, slot): (Socket, Slot),
        subscriber: Subscriber,
        unfinished: Rc<UnfinishedWrites>,
    ) -> Rc<Self> {
        Rc::new(Self {
            socket,
            _slot: slot,
            subscriber: RefCell::new(subscriber),
            unwritten: RefCell::default(),
            written: Cell::new(Instant::now()),
            is_cut: Cell::new(false),
            waker: OnceCell::new(),
            unfinished,
        })
    }

    /// Ready once the subscription has ended. An error is an end without the last chunk.
    fn poll_stream(
        &self,
        context: &mut Context<'_>,
        writer: &Weak<dyn DirectWriter>,
    ) -> Poll<io::Result<()>> {
        loop {
            let turn = ready!(coop::poll_proceed(context));
            ready!(self.poll_rest(context))?;
            let next = ready!(self.subscriber.borrow_mut().poll_next(context, Some(writer)));
            turn.made_progress();
            match next {
                Ok(frames) => self.send(Chunk::of(frames))?,
                Err(End::Clean) => return Poll::Ready(Ok(())),
                Err(End::Abort) => return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            }
        }
    }

    /// Writes what is left of a chunk, and watches the peer.
    fn poll_rest(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let is_short = self.unwritten.borrow().as_ref().is_some_and(|unwritten| unwritten.1.is_cut());
        if self.is_cut.get() || is_short {
            let reason = if is_short { CloseReason::Memory } else { CloseReason::WriteTimeout };
            self.subscriber.borrow().closes(reason);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.waker.get_or_init(|| context.waker().clone());
        while self.socket.poll_read_ready(context)?.is_ready() {
            if !self.socket.is_silent() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
        }
        while self.unwritten.borrow().is_some() {
            ready!(self.socket.poll_write_ready(context))?;
            self.write_rest()?;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes of `unwritten` what there is room for now.
    fn write_rest(&self) -> io::Result<()> {
        let Some(unwritten) = self.unwritten.take() else { return Ok(()) };
        let (chunk, _counted) = *unwritten;
        self.send(chunk)
    }

    /// Writes of `chunk` what there is room for now, and leaves the rest in `unwritten`.
    fn send(&self, mut chunk: Chunk) -> io::Result<()> {
        match chunk.write(&self.socket) {
            Ok(()) => self.written.set(Instant::now()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if !chunk.is_complete() || !self.socket.is_flushed() {
            self.keep(chunk);
        }
        Ok(())
    }

    fn keep(&self, chunk: Chunk) {
        let waker = self.waker.get().unwrap_or(Waker::noop()).clone();
        let unfinished = self.unfinished.add(chunk.bytes(), waker);
        *self.unwritten.borrow_mut() = Some(Box::new((chunk, unfinished)));
    }

    /// What the worker's timer does here: sends a heartbeat after silence, cuts a peer that does not read. Gives the time
    /// until there can be something to do again; the next visit comes up to a `tick` after it is asked for.
    pub(super) fn visit(&self, now: Instant, limits: &Limits, tick: Duration) -> Duration {
        // The future may not be waiting for room: not for that of a heartbeat.
        let _ = self.write_rest();
        let silence = now.saturating_duration_since(self.written.get());
        if self.unwritten.borrow().is_some() {
            if silence >= limits.write_timeout {
                tracing::debug!("peer does not read; connection cut");
                self.is_cut.set(true);
                self.waker.get().inspect(|waker| waker.wake_by_ref());
            }
            return limits.write_timeout.saturating_sub(silence);
        }
        let Some(heartbeat) = limits.heartbeat else { return limits.write_timeout };
        if silence + tick <= heartbeat {
            return heartbeat - silence;
        }
        let chunk = match self.subscriber.borrow_mut().heartbeat() {
            Some(block) => Chunk::of(block),
            None => Chunk::framed(Bytes::from_static(HEARTBEAT), 0),
        };
        self.written.set(now);
        // The future notices that a socket is broken.
        let _ = self.send(chunk);
        heartbeat
    }
}

impl Sending {
    pub(super) fn new(socket: Rc<EventSocket>) -> Self {
        Self { socket, is_ended: false }
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_ended {
            let writer: Weak<dyn DirectWriter> = Rc::<EventSocket>::downgrade(&self.socket);
            ready!(self.socket.poll_stream(context, &writer))?;
            self.is_ended = true;
            self.socket.send(Chunk::end())?;
            self.socket.socket.end();
        }
        self.socket.poll_rest(context)
    }
}

impl Future for Sending {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Nobody is left to tell of an error.
        self.get_mut().poll_end(context).map(drop)
    }
}

impl DirectWriter for EventSocket {
    fn write(&self, frames: &SharedFrames) -> WriteOutcome {
        if self.unwritten.borrow().is_some() {
            return WriteOutcome::Skipped;
        }
        let outcome = if frames.frames().len() > COPIED_BYTES {
            let mut chunk = Chunk::of(frames.frames().clone());
            chunk.write(&self.socket).map(|()| chunk)
        } else {
            let chunk = frames.framed(chunk::encoded);
            self.socket.try_write(chunk).map(|written| Chunk::framed(chunk.clone(), written))
        };
        let Ok(chunk) = outcome else { return WriteOutcome::Skipped };
        self.written.set(Instant::now());
        self.subscriber.borrow_mut().note_sent(frames.seq());
        if chunk.is_complete() && self.socket.is_flushed() {
            return WriteOutcome::Complete;
        }
        self.keep(chunk);
        WriteOutcome::Partial
    }
}

impl fmt::Debug for EventSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSocket").field("socket", &self.socket).finish_non_exhaustive()
    }
}
