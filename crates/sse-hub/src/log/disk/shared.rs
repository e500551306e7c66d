//! What the writing thread and everybody else share: the index, and the announcer of the tail, under one lock.

use parking_lot::{Mutex, MutexGuard};
use sse_core::Epoch;

use crate::log::index::Index;
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

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}
