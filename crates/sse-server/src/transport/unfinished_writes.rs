//! What the event sockets of a worker have no room for. It counts towards the memory limit; when that is reached, those
//! that have made no progress for longest are cut: their peers come back with the id of what they have read.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::Waker;

use sse_hub::{Budget, Held};

pub(super) struct UnfinishedWrites {
    budget: Budget,
    /// Their bytes and what wakes those that wait to go on, the one that waits for longest first.
    waiting: RefCell<BTreeMap<u64, (usize, Waker)>>,
    next: Cell<u64>,
}

/// One of them, until it is dropped.
pub(super) struct UnfinishedWrite {
    all: Rc<UnfinishedWrites>,
    nth: u64,
    _held: Held,
}

impl UnfinishedWrites {
    pub(super) fn new(budget: Budget) -> Rc<Self> {
        Rc::new(Self { budget, waiting: RefCell::default(), next: Cell::default() })
    }

    /// Counts bytes that wait to be written; `waker` is of the one that goes on with them.
    pub(super) fn add(self: &Rc<Self>, bytes: usize, waker: Waker) -> UnfinishedWrite {
        let nth = self.next.replace(self.next.get() + 1);
        self.waiting.borrow_mut().insert(nth, (bytes, waker));
        let held = self.budget.try_hold_delivery(bytes).unwrap_or_else(|| {
            self.cut(bytes);
            self.budget.hold_delivery(bytes)
        });
        UnfinishedWrite { all: Rc::clone(self), nth, _held: held }
    }

    /// Cuts those that have waited for longest, until as many bytes are on their way back.
    fn cut(&self, bytes: usize) {
        let mut back = 0;
        while back < bytes
            && let Some((_, (held, waker))) = self.waiting.borrow_mut().pop_first()
        {
            back += held;
            waker.wake();
        }
        tracing::debug!(bytes = back, "memory limit reached; connections that wait for longest are cut");
    }
}

impl UnfinishedWrite {
    /// Others need the memory more.
    pub(super) fn is_cut(&self) -> bool {
        !self.all.waiting.borrow().contains_key(&self.nth)
    }
}

impl Drop for UnfinishedWrite {
    fn drop(&mut self) {
        self.all.waiting.borrow_mut().remove(&self.nth);
    }
}
