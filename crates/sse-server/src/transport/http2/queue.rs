//! Bytes of bodies that h2 holds until they are written: those of a connection, and those of a stream.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use bytes::{Buf, Bytes};

/// Those of all streams.
#[derive(Clone, Default)]
pub(super) struct ConnectionQueue(Rc<Cell<usize>>);

/// Those of one. Its peer may take windows back, so that they wait although there was room for them.
pub(super) struct StreamQueue {
    all: ConnectionQueue,
    bytes: Cell<usize>,
    /// Woken when nothing is left.
    waker: Cell<Option<Waker>>,
}

/// A part of a body, counted as long as h2 holds it.
pub(super) struct Queued {
    bytes: Bytes,
    stream: Rc<StreamQueue>,
}

impl ConnectionQueue {
    pub(super) fn bytes(&self) -> usize {
        self.0.get()
    }

    pub(super) fn of_stream(&self) -> Rc<StreamQueue> {
        Rc::new(StreamQueue { all: self.clone(), bytes: Cell::new(0), waker: Cell::new(None) })
    }
}

impl StreamQueue {
    pub(super) fn bytes(&self) -> usize {
        self.bytes.get()
    }

    pub(super) fn add(self: &Rc<Self>, bytes: Bytes) -> Queued {
        self.bytes.set(self.bytes.get() + bytes.len());
        self.all.0.set(self.all.0.get() + bytes.len());
        Queued { bytes, stream: Rc::clone(self) }
    }

    fn remove(&self, bytes: usize) {
        self.bytes.set(self.bytes.get() - bytes);
        self.all.0.set(self.all.0.get() - bytes);
        if self.bytes.get() == 0 {
            self.waker.take().inspect(Waker::wake_by_ref);
        }
    }

    /// Waits until all is written.
    pub(super) async fn emptied(&self) {
        poll_fn(|context| {
            if self.bytes.get() == 0 {
                return Poll::Ready(());
            }
            self.waker.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
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
        self.stream.remove(bytes);
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.stream.remove(self.bytes.len());
    }
}
