//! What the writing thread and everybody else share: the index, and the announcer of the tail, under one lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sse_core::Epoch;

use crate::log::index::{Index, Plan};
use crate::log::read::Read;
use crate::log::tail::Announcer;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) epoch: Epoch,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) index: Index,
    pub(super) announcer: Announcer,
    /// Why no more batches are taken, if that is so.
    pub(super) failed: Option<String>,
}

impl Shared {
    pub(super) fn new(epoch: Epoch, index: Index) -> Self {
        Self { epoch, state: Mutex::new(State { index, announcer: Announcer::default(), failed: None }) }
    }

    pub(super) fn plan(&self, read: &Read) -> Plan {
        self.state().index.plan(read)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under these locks can panic halfway through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
