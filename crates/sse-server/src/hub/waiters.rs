//! Who waits for the next frames of a feed, and how each gets them: sent at once when its connection is idle, or by
//! waking its task.

use std::task::{Context, Waker};

use slab::Slab;
use tokio::time::Instant;

use super::ring::{Ring, Step};
use crate::connection::{Outlet, Sent};

/// Places are used again, but not given back before the last reader has left: each costs 100 bytes and a look in every
/// round.
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
    /// Readers that were sent to or woken.
    pub(super) served: usize,
    /// Where the round goes on, if it is not finished.
    pub(super) next: Option<usize>,
    /// Another round has to bring what did not fit into this one.
    pub(super) again: bool,
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
        let mut step: Option<Step> = None;
        let (mut served, mut again) = (0, false);
        for key in from..self.0.capacity() {
            let behind = |waiter: &&mut Waiter| waiter.waiting && ring.has_after(waiter.cursor);
            let Some(waiter) = self.0.get_mut(key).filter(behind) else { continue };
            if served == most {
                return Stretch { served, next: Some(key), again };
            }
            served += 1;
            if waiter.outlet.is_some() && step.as_ref().is_none_or(|step| step.from != waiter.cursor) {
                step = ring.step(waiter.cursor);
            }
            again |= waiter.give(step.as_ref(), now);
        }
        Stretch { served, next: None, again }
    }
}

impl Waiter {
    /// Sends the frames, or leaves it to the reader's task. `true` if the reader goes on waiting while there is more.
    fn give(&mut self, step: Option<&Step>, now: Instant) -> bool {
        let (Some(outlet), Some(step)) = (&self.outlet, step) else {
            self.wake();
            return false;
        };
        let sent = outlet.send(&step.parcel);
        if sent != Sent::Nothing {
            self.cursor = step.to;
            self.sent = Some((step.to, now));
        }
        if sent != Sent::Whole {
            self.wake();
        }
        self.waiting && step.more
    }

    fn wake(&mut self) {
        self.waiting = false;
        self.waker.wake_by_ref();
    }
}

#[cfg(test)]
impl Waiters {
    /// Readers that were sent frames past their tasks.
    pub(super) fn sent_to(&self) -> usize {
        self.0.iter().filter(|(_, waiter)| waiter.sent.is_some()).count()
    }
}
