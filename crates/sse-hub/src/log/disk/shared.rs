//! What the writing thread and everybody else share: the index, and the announcer of the tail, under one lock.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::log::epochs::Epochs;
use crate::log::figures::GroupFigures;
use crate::log::index::Index;
use crate::log::tail::Announcer;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) epochs: Epochs,
    /// See [`Log::durable_head`](crate::Log::durable_head).
    durable_head: AtomicU64,
    /// See [`Log::closes`](crate::Log::closes).
    closes: AtomicU64,
    state: Mutex<State>,
    groups: Mutex<GroupFigures>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) index: Index,
    pub(super) announcer: Announcer,
    /// Why no more batches are taken, if that is so.
    pub(super) failed: Option<String>,
    /// Which file is not where it was.
    pub(super) missing: Option<String>,
    /// There is not enough free space to take more.
    pub(super) is_full: bool,
}

impl Shared {
    pub(super) fn new(epochs: Epochs, durable_head: u64, index: Index) -> Self {
        let state =
            State { index, announcer: Announcer::default(), failed: None, missing: None, is_full: false };
        let (durable_head, closes) = (AtomicU64::new(durable_head), AtomicU64::new(state.index.closes()));
        Self { epochs, durable_head, closes, state: Mutex::new(state), groups: Mutex::default() }
    }

    pub(super) fn durable_head(&self) -> u64 {
        self.durable_head.load(Ordering::Acquire)
    }

    pub(super) fn set_durable_head(&self, seq: u64) {
        self.durable_head.store(seq, Ordering::Release);
    }

    pub(super) fn closes(&self) -> u64 {
        self.closes.load(Ordering::Acquire)
    }

    pub(super) fn set_closes(&self, closes: u64) {
        self.closes.store(closes, Ordering::Release);
    }

    /// Of the writing thread, to be held for a moment.
    pub(super) fn groups(&self) -> MutexGuard<'_, GroupFigures> {
        self.groups.lock()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}
