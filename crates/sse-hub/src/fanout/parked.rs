//! Subscribers parked at the head of a feed. Delivers by direct write when the connection is idle, else by waking the
//! task.

use std::rc::Weak;
use std::task::{Context, Waker};

use slab::Slab;

use super::ring::{Ring, Run};
use super::window::Window;
use crate::direct_writer::{DirectWriter, WriteOutcome};

/// Slots are used again, but not given back before the feed ends: each costs 100 bytes and a look in every pass.
#[derive(Debug, Default)]
pub(super) struct Parked {
    slots: Slab<Slot>,
    /// Those of them that wait.
    waiting: usize,
}

#[derive(Debug)]
struct Slot {
    waker: Waker,
    /// Has seen everything and not been woken since.
    waiting: bool,
    is_ended: bool,
    writer: Option<Weak<dyn DirectWriter>>,
    /// Every wanted record up to this seq has been given.
    cursor: u64,
}

/// What became of a subscriber while it was parked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Every wanted record up to this seq has been given.
    pub(crate) cursor: u64,
    /// It is to be given nothing more.
    pub(crate) is_ended: bool,
}

/// How far a delivery pass has come.
#[derive(Debug, Default)]
pub(super) struct PassProgress {
    /// Subscribers that were written to or woken, and those of them that were written to.
    pub(super) served: usize,
    pub(super) direct: usize,
    /// Seq of the first record that was delivered.
    pub(super) first: Option<u64>,
    /// Where the pass goes on, if it is not finished.
    pub(super) next: Option<usize>,
    /// Another pass has to bring what did not fit into this one.
    pub(super) again: bool,
}

impl Parked {
    /// Parks a subscriber that has seen everything up to `cursor`. `key` is its slot, to be given back to
    /// [`Self::forget`].
    pub(super) fn park(
        &mut self,
        key: &mut Option<usize>,
        context: &Context<'_>,
        cursor: u64,
        writer: Option<&Weak<dyn DirectWriter>>,
    ) {
        self.unpark(*key);
        self.waiting += 1;
        if let Some(slot) = key.and_then(|key| self.slots.get_mut(key)) {
            slot.waker.clone_from(context.waker());
            (slot.waiting, slot.cursor) = (true, cursor);
            return;
        }
        let (waker, writer) = (context.waker().clone(), writer.cloned());
        *key = Some(self.slots.insert(Slot { waker, waiting: true, is_ended: false, writer, cursor }));
    }

    /// The subscriber acts by itself now. `None`: it was never parked.
    pub(super) fn unpark(&mut self, key: Option<usize>) -> Option<Place> {
        let slot = self.slots.get_mut(key?)?;
        self.waiting -= usize::from(std::mem::take(&mut slot.waiting));
        Some(Place { cursor: slot.cursor, is_ended: slot.is_ended })
    }

    /// A subscriber that is not parked now stands at `cursor`.
    pub(super) fn advance(&mut self, key: Option<usize>, cursor: u64) {
        if let Some(slot) = key.and_then(|key| self.slots.get_mut(key)) {
            slot.cursor = slot.cursor.max(cursor);
        }
    }

    /// Cursor of the one that is furthest behind.
    pub(super) fn slowest(&self) -> Option<u64> {
        self.slots.iter().map(|(_, slot)| slot.cursor).min()
    }

    /// Every wanted record up to this seq has been given to the subscriber while it was parked.
    pub(super) fn cursor(&self, key: Option<usize>) -> Option<u64> {
        Some(self.slots.get(key?)?.cursor)
    }

    /// Gives up the slot of a subscriber.
    pub(super) fn forget(&mut self, key: Option<usize>) {
        self.unpark(key);
        if let Some(key) = key {
            self.slots.try_remove(key);
        }
    }

    pub(super) fn wake_all(&mut self) {
        self.slots.iter_mut().filter(|(_, slot)| slot.waiting).for_each(|(_, slot)| slot.wake());
        self.waiting = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Ends at most `most` subscribers, from the slot `from` on. Gives their number, and where it goes on.
    pub(super) fn end(&mut self, from: usize, most: usize) -> (usize, Option<usize>) {
        let mut ended = 0;
        for key in from..self.slots.capacity() {
            let Some(slot) = self.slots.get_mut(key) else { continue };
            if ended == most {
                return (ended, Some(key));
            }
            ended += 1;
            slot.is_ended = true;
            if slot.waiting {
                self.waiting -= 1;
                slot.wake();
            }
        }
        (ended, None)
    }

    /// Nobody is acting by itself.
    pub(super) fn all_wait(&self) -> bool {
        self.waiting == self.slots.len()
    }

    /// Delivers what is in the ring to at most `most` subscribers, from the slot `from` on.
    pub(super) fn deliver(
        &mut self,
        ring: &Ring,
        window: &mut Window,
        from: usize,
        most: usize,
    ) -> PassProgress {
        let (mut run, mut written): (Option<Run>, u64) = (None, 0);
        let mut progress = PassProgress::default();
        for key in from..self.slots.capacity() {
            let behind = |slot: &&mut Slot| slot.waiting && ring.has_after(slot.cursor);
            let Some(slot) = self.slots.get_mut(key).filter(behind) else { continue };
            if progress.served == most {
                progress.next = Some(key);
                break;
            }
            progress.served += 1;
            progress.first = progress.first.or_else(|| ring.first_after(slot.cursor));
            if slot.writer.is_some() && run.as_ref().is_none_or(|run| run.from != slot.cursor) {
                count(run.take(), &mut written, window);
                run = ring.run(slot.cursor, window);
            }
            let outcome = slot.deliver(run.as_ref());
            self.waiting -= usize::from(!slot.waiting);
            written += u64::from(outcome != WriteOutcome::Skipped);
            progress.direct += usize::from(outcome != WriteOutcome::Skipped);
            progress.again |= slot.waiting && run.as_ref().is_some_and(|run| run.more);
        }
        count(run, &mut written, window);
        progress
    }
}

/// So many subscribers were given the run.
fn count(run: Option<Run>, written: &mut u64, window: &mut Window) {
    let subscribers = std::mem::take(written);
    if let Some(run) = run {
        window.deliveries.count(&run.records, subscribers);
    }
}

impl Slot {
    /// Writes the frames, or leaves it to the subscriber's task.
    fn deliver(&mut self, run: Option<&Run>) -> WriteOutcome {
        let writer = self.writer.as_ref().and_then(Weak::upgrade);
        let outcome = match (writer, run) {
            (Some(writer), Some(run)) => writer.write(&run.frames),
            _ => WriteOutcome::Skipped,
        };
        if let (Some(run), WriteOutcome::Complete | WriteOutcome::Partial) = (run, outcome) {
            self.cursor = run.to;
        }
        if outcome != WriteOutcome::Complete {
            self.wake();
        }
        outcome
    }

    fn wake(&mut self) {
        self.waiting = false;
        self.waker.wake_by_ref();
    }
}
