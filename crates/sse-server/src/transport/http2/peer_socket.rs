//! The socket under a connection of HTTP/2: a peer that does not read is cut after the write timeout, and what h2 holds for
//! it meanwhile counts towards the memory limit.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use sse_hub::Held;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop;

use crate::client_limits::Slot;
use crate::transport::deadline::Deadline;
use crate::transport::event_sockets::EventSockets;
use crate::transport::socket::Socket;

/// Most bytes of an answer that h2 holds until they are written.
pub(super) const SEND_BYTES: usize = 16 << 10;

pub(in crate::transport) struct PeerSocket {
    socket: Socket,
    _slot: Slot,
    /// What was read to tell the version.
    early: Bytes,
    queued: QueuedBytes,
    /// While the peer does not read.
    held: Option<Held>,
    write_deadline: Deadline,
    sockets: Rc<EventSockets>,
}

/// Bytes of all bodies on a connection that h2 holds.
#[derive(Clone, Default)]
pub(super) struct QueuedBytes(Rc<Cell<usize>>);

/// A part of a body, counted as long as h2 holds it.
pub(super) struct Queued {
    bytes: Bytes,
    all: QueuedBytes,
}

impl PeerSocket {
    pub(in crate::transport) fn new(
        (socket, slot): (Socket, Slot),
        early: Vec<u8>,
        sockets: Rc<EventSockets>,
    ) -> Self {
        Self {
            socket,
            _slot: slot,
            early: early.into(),
            queued: QueuedBytes::default(),
            held: None,
            write_deadline: Deadline::default(),
            sockets,
        }
    }

    pub(super) fn sockets(&self) -> Rc<EventSockets> {
        Rc::clone(&self.sockets)
    }

    pub(super) fn queued(&self) -> QueuedBytes {
        self.queued.clone()
    }

    /// Looks after a write that has to wait.
    fn waited<T>(&mut self, done: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            (self.write_deadline, self.held) = (Deadline::default(), None);
            return done;
        }
        let EventSockets { limits, budget, .. } = &*self.sockets;
        if self.write_deadline.has_passed(limits.write_timeout, context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let more = self.queued.0.get().saturating_sub(self.held.as_ref().map_or(0, Held::bytes));
        let has_room = match &mut self.held {
            Some(held) => held.grow(more),
            none => {
                *none = budget.try_hold(more);
                none.is_some()
            }
        };
        if has_room { Poll::Pending } else { Poll::Ready(Err(io::ErrorKind::OutOfMemory.into())) }
    }
}

impl QueuedBytes {
    pub(super) fn add(&self, bytes: Bytes) -> Queued {
        self.0.set(self.0.get() + bytes.len());
        Queued { bytes, all: self.clone() }
    }

    fn remove(&self, bytes: usize) {
        self.0.set(self.0.get() - bytes);
    }
}

impl Buf for Queued {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, bytes: usize) {
        self.bytes.advance(bytes);
        self.all.remove(bytes);
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.all.remove(self.bytes.len());
    }
}

impl AsyncRead for PeerSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.early.is_empty() {
            let bytes = self.early.len().min(buffer.remaining());
            buffer.put_slice(&self.early.split_to(bytes));
            if self.early.is_empty() {
                self.early = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        // h2 reads for as long as there is something: other connections have their turn, however fast a peer sends.
        let turn = ready!(coop::poll_proceed(context));
        ready!(self.socket.poll_read(context, buffer))?;
        turn.made_progress();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PeerSocket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = loop {
            match self.socket.try_write_vectored(parts) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => break Poll::Ready(written),
            }
            match self.socket.poll_write_ready(context) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => break Poll::Pending,
            }
        };
        self.waited(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.socket.poll_flush(context);
        self.waited(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = self.socket.poll_shutdown(context);
        self.waited(closed, context)
    }
}
