//! Who waits for the next frames of a feed, and how each gets them: sent at once when its connection is idle, or by
//! waking its task.

use std::task::{Context, Waker};

use slab::Slab;
use tokio::time::Instant;

use super::ring::{Cut, Ring};
use crate::connection::{Outlet, Sent};

#[derive(Debug, Default)]
pub(super) struct Waiters(Slab<Waiter>);

#[derive(Debug)]
struct Waiter {
    waker: Waker,
    /// Has seen everything and not been woken since.
    waiting: bool,
    outlet: Option<Outlet>,
    /// Every wanted record up to this seq has been given.
    cursor: u64,
    /// What the fan-out sent last: up to which seq, and when.
    sent: Option<(u64, Instant)>,
}

/// Part of a round through all waiters.
#[derive(Debug)]
pub(super) struct Stretch {
    /// Where the round goes on, if it is not finished.
    pub(super) next: Option<usize>,
    /// There are frames that another round has to bring.
    pub(super) more: bool,
}

impl Waiters {
    /// Notes that a reader that stands at `cursor` has seen everything. `key` is its place, to be given back to
    /// [`Self::forget`].
    pub(super) fn wait(
        &mut self,
        key: &mut Option<usize>,
        context: &Context<'_>,
        cursor: u64,
        outlet: Option<&Outlet>,
    ) {
        if let Some(waiter) = key.and_then(|key| self.0.get_mut(key)) {
            waiter.waker.clone_from(context.waker());
            (waiter.waiting, waiter.cursor) = (true, cursor);
            return;
        }
        let (waker, outlet) = (context.waker().clone(), outlet.cloned());
        *key = Some(self.0.insert(Waiter { waker, waiting: true, outlet, cursor, sent: None }));
    }

    /// The reader acts by itself now. Where it stands, if it ever waited.
    pub(super) fn resume(&mut self, key: Option<usize>) -> Option<u64> {
        let waiter = self.0.get_mut(key?)?;
        waiter.waiting = false;
        Some(waiter.cursor)
    }

    /// What was sent last to a reader past its task.
    pub(super) fn sent(&self, key: Option<usize>) -> Option<(u64, Instant)> {
        self.0.get(key?)?.sent
    }

    /// Gives up the place of a reader.
    pub(super) fn forget(&mut self, key: Option<usize>) {
        if let Some(key) = key {
            self.0.try_remove(key);
        }
    }

    pub(super) fn wake_all(&mut self) {
        self.0.iter_mut().filter(|(_, waiter)| waiter.waiting).for_each(|(_, waiter)| waiter.wake());
    }

    /// Gives what is in the ring to at most `most` readers, from the place `from` on.
    pub(super) fn give(&mut self, ring: &Ring, from: usize, most: usize) -> Stretch {
        let now = Instant::now();
        let mut cut: Option<Cut> = None;
        let (mut given, mut more) = (0, false);
        for key in from..self.0.capacity() {
            let behind = |waiter: &&mut Waiter| waiter.waiting && ring.has_after(waiter.cursor);
            let Some(waiter) = self.0.get_mut(key).filter(behind) else { continue };
            if given == most {
                return Stretch { next: Some(key), more };
            }
            given += 1;
            if waiter.outlet.is_some() && cut.as_ref().is_none_or(|cut| cut.from != waiter.cursor) {
                cut = ring.cut(waiter.cursor);
            }
            more |= waiter.give(cut.as_ref(), now);
        }
        Stretch { next: None, more }
    }
}

impl Waiter {
    /// Sends the frames, or leaves it to the reader's task. `true` if the reader goes on waiting while there is more.
    fn give(&mut self, cut: Option<&Cut>, now: Instant) -> bool {
        let (Some(outlet), Some(cut)) = (&self.outlet, cut) else {
            self.wake();
            return false;
        };
        let sent = outlet.send(&cut.parcel);
        if sent != Sent::Nothing {
            self.cursor = cut.to;
            self.sent = Some((cut.to, now));
        }
        if sent != Sent::Whole {
            self.wake();
        }
        self.waiting && cut.more
    }

    fn wake(&mut self) {
        self.waiting = false;
        self.waker.wake_by_ref();
    }
}
