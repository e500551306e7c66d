//! The socket under a connection of HTTP/2: a peer that does not read is cut after the write timeout, and what h2 holds for
//! it meanwhile counts towards the memory limit.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sse_hub::Held;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop;

use super::queue::ConnectionQueue;
use crate::client_limits::Slot;
use crate::transport::deadline::Deadline;
use crate::transport::event_sockets::EventSockets;
use crate::transport::socket::Socket;

pub(in crate::transport) struct PeerSocket {
    socket: Socket,
    slot: Slot,
    /// What was read to tell the version.
    early: Bytes,
    queue: ConnectionQueue,
    /// While the peer does not read.
    held: Option<Held>,
    write_deadline: Deadline,
    sockets: Rc<EventSockets>,
}

impl PeerSocket {
    pub(in crate::transport) fn new(
        (socket, slot): (Socket, Slot),
        early: Vec<u8>,
        sockets: Rc<EventSockets>,
    ) -> Self {
        Self {
            socket,
            slot,
            early: early.into(),
            queue: ConnectionQueue::default(),
            held: None,
            write_deadline: Deadline::default(),
            sockets,
        }
    }

    pub(super) fn sockets(&self) -> Rc<EventSockets> {
        Rc::clone(&self.sockets)
    }

    pub(super) fn take_slot(&mut self) -> Slot {
        std::mem::take(&mut self.slot)
    }

    pub(super) fn queue(&self) -> ConnectionQueue {
        self.queue.clone()
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
        let has_room = budget.try_raise(&mut self.held, self.queue.bytes());
        if has_room { Poll::Pending } else { Poll::Ready(Err(io::ErrorKind::OutOfMemory.into())) }
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
