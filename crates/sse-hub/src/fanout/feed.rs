//! Feed: what subscribers with the same selectors are given, and those of them that are parked at its head. Not shared
//! between workers; knows no log.

use std::cell::RefCell;
use std::fmt::Debug;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Context;

use super::parked::{Parked, PassProgress, Place};
use super::ring::{Next, Ring};
use super::window::Window;
use crate::budget::Held;
use crate::direct_writer::DirectWriter;
use crate::log::Record;
use crate::selectors::Selectors;

/// Where feeds are found.
pub(super) trait Registry: Debug {
    /// Forgets a feed that is dropped.
    fn remove(&self, selectors: &Selectors, key: usize);
}

/// Gives every subscriber the same frames.
#[derive(Debug)]
pub(crate) struct Feed {
    selectors: Selectors,
    window: Rc<RefCell<Window>>,
    /// Its key there.
    key: usize,
    registry: Rc<dyn Registry>,
    state: RefCell<State>,
    _held: Held,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    parked: Parked,
    closed: bool,
    /// The delivery pass under way.
    pass: Option<Pass>,
}

/// The subscriber in slot `next` is the next to be served. `again`: those before it have not got everything.
#[derive(Debug, Clone, Copy, Default)]
struct Pass {
    next: usize,
    again: bool,
}

impl Feed {
    /// An empty feed that is about to get every wanted record that the window is about to get. `held` is for the selectors.
    pub(super) fn new(
        selectors: Selectors,
        window: Rc<RefCell<Window>>,
        (key, registry): (usize, Rc<dyn Registry>),
        held: Held,
    ) -> Self {
        let head = window.borrow().head();
        let state = State { ring: Ring::new(head), parked: Parked::default(), closed: false, pass: None };
        Self { selectors, window, key, registry, state: RefCell::new(state), _held: held }
    }

    pub(crate) fn selectors(&self) -> &Selectors {
        &self.selectors
    }

    /// Takes in a wanted record that is in the window. `true` when a delivery pass begins; see [`Self::deliver`].
    pub(super) fn push(&self, seq: u64) -> bool {
        let mut state = self.state.borrow_mut();
        if !state.ring.keep(seq) {
            return false;
        }
        let begins = state.pass.is_none();
        state.pass.get_or_insert_default().again |= !begins;
        begins
    }

    /// Goes on with the delivery pass, to at most `most` subscribers. It is over when there is no `next`.
    pub(super) fn deliver(&self, most: usize) -> PassProgress {
        let State { ring, parked, pass, .. } = &mut *self.state.borrow_mut();
        let window = &mut *self.window.borrow_mut();
        let Some(Pass { next, again }) = *pass else { return PassProgress::default() };
        ring.trim(window);
        let mut progress = parked.deliver(ring, window, next, most);
        let again = again || progress.again;
        *pass = match progress.next {
            Some(next) => Some(Pass { next, again }),
            None => again.then(Pass::default),
        };
        progress.next = pass.map(|pass| pass.next);
        if pass.is_none() && parked.all_wait() {
            ring.clear();
        }
        progress
    }

    /// Records up to `head` were missed: empties the ring, so that subscribers go through the log.
    pub(super) fn jump(&self, head: u64) {
        let mut state = self.state.borrow_mut();
        state.ring.jump(head);
        state.parked.wake_all();
    }

    /// Ends every subscription once it has read what is there.
    pub(super) fn close(&self) {
        let mut state = self.state.borrow_mut();
        state.closed = true;
        state.parked.wake_all();
    }

    pub(super) fn with_parked<T>(&self, act: impl FnOnce(&mut Parked) -> T) -> T {
        act(&mut self.state.borrow_mut().parked)
    }

    /// What comes after the seq `cursor`. A subscriber behind a closed feed is told that it is closed: it resumes after
    /// the restart. `live`: it has been given everything that came since it was live, so that what retention has removed
    /// meanwhile was still for it.
    pub(crate) fn after(&self, cursor: u64, live: bool) -> Next {
        let State { ring, closed, .. } = &mut *self.state.borrow_mut();
        let window = &mut *self.window.borrow_mut();
        if live {
            ring.reach_back(cursor, window, &self.selectors);
        }
        match ring.after(cursor, window) {
            Next::Nothing(_) | Next::Behind if *closed => Next::Closed,
            next => next,
        }
    }

    /// Parks a subscriber that has seen everything up to `cursor`: it gets what comes through `writer` where that is
    /// possible, else its task is woken. `key` is its slot, to be given back to [`Self::forget`].
    pub(crate) fn park(
        &self,
        key: &mut Option<usize>,
        context: &Context<'_>,
        cursor: u64,
        writer: Option<&Weak<dyn DirectWriter>>,
    ) {
        self.state.borrow_mut().parked.park(key, context, cursor, writer);
    }

    /// The subscriber acts by itself now. `None`: it was never parked.
    pub(crate) fn unpark(&self, key: Option<usize>) -> Option<Place> {
        self.state.borrow_mut().parked.unpark(key)
    }

    /// Seq up to which a subscriber that was parked has been given every wanted record.
    pub(crate) fn position(&self, key: Option<usize>) -> Option<u64> {
        let State { ring, parked, .. } = &*self.state.borrow();
        parked.cursor(key).map(|cursor| ring.reached_from(cursor, &self.window.borrow()))
    }

    /// A subscriber that acts by itself stands at `cursor` now, and was given these records of the log.
    pub(crate) fn given(&self, key: Option<usize>, cursor: u64, records: &[Arc<Record>]) {
        self.state.borrow_mut().parked.advance(key, cursor);
        self.window.borrow_mut().deliveries.count(records, 1);
    }

    /// How many subscriptions it has, when the caller holds it so many times.
    pub(super) fn subscribers(self: &Rc<Self>, held: usize) -> u64 {
        // With a pass under way it stands in the queue too.
        let others = held + usize::from(self.state.borrow().pass.is_some());
        Rc::strong_count(self).saturating_sub(others) as u64
    }

    /// How many events its slowest subscriber is behind, of those that have been parked.
    pub(super) fn lag(&self) -> u64 {
        let State { ring, parked, .. } = &*self.state.borrow();
        parked.slowest().map_or(0, |cursor| ring.behind(cursor, &self.window.borrow()))
    }

    /// Gives up the slot of a subscriber.
    pub(crate) fn forget(&self, key: Option<usize>) {
        self.state.borrow_mut().parked.forget(key);
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.registry.remove(&self.selectors, self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::super::record;
    use super::*;
    use crate::budget::Budget;
    use crate::direct_writer::{SharedFrames, WriteOutcome};
    use sse_core::Topic;
    use std::cell::Cell;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    /// Counts how often a task is woken.
    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Wakes {
        fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    /// A connection that keeps what it is given, and says the same of each write.
    #[derive(Debug)]
    struct Connection {
        outcome: Cell<WriteOutcome>,
        written: RefCell<Vec<Vec<u8>>>,
    }

    impl DirectWriter for Connection {
        fn write(&self, frames: &SharedFrames) -> WriteOutcome {
            if self.outcome.get() != WriteOutcome::Skipped {
                self.written.borrow_mut().push(frames.frames().to_vec());
            }
            self.outcome.get()
        }
    }

    fn connection(outcome: WriteOutcome) -> Rc<Connection> {
        Rc::new(Connection { outcome: Cell::new(outcome), written: RefCell::default() })
    }

    #[derive(Debug)]
    struct Unregistered;

    impl Registry for Unregistered {
        fn remove(&self, _: &Selectors, _: usize) {}
    }

    fn feed(head: u64) -> Feed {
        let window = Rc::new(RefCell::new(Window::new(head, 1 << 20)));
        let held = Budget::new(1, Arc::default()).hold_delivery(0);
        let selectors = Selectors::exactly(Topic::new("a").unwrap());
        Feed::new(selectors, window, (0, Rc::new(Unregistered)), held)
    }

    /// Takes in records as the fan-out does. `true` when a pass begins.
    fn push(feed: &Feed, records: &[Arc<Record>]) -> bool {
        let mut begins = false;
        for record in records {
            feed.window.borrow_mut().push(Arc::clone(record));
            begins |= feed.selectors().match_topic(&record.topic) && feed.push(record.seq);
        }
        begins
    }

    /// A subscriber parked at `cursor`.
    fn park(feed: &Feed, cursor: u64, connection: Option<&Rc<Connection>>) -> (Option<usize>, Arc<Wakes>) {
        let (mut key, wakes) = (None, Arc::new(Wakes::default()));
        let waker = Waker::from(Arc::clone(&wakes));
        let writer = connection.map(|connection| {
            let weak: Weak<dyn DirectWriter> = Rc::<Connection>::downgrade(connection);
            weak
        });
        feed.park(&mut key, &Context::from_waker(&waker), cursor, writer.as_ref());
        (key, wakes)
    }

    /// Of a subscriber that acts by itself now.
    fn unparked(feed: &Feed, key: Option<usize>) -> Option<u64> {
        feed.unpark(key).map(|place| place.cursor)
    }

    /// A whole delivery pass, `most` subscribers at a time.
    fn deliver_all(feed: &Feed, most: usize) {
        loop {
            let progress = feed.deliver(most);
            assert!(progress.served <= most);
            if progress.next.is_none() {
                return;
            }
        }
    }

    #[test]
    fn gives_frames_of_wanted_records_and_moves_past_the_others() {
        let feed = feed(0);
        let records = [record(1, "b", ""), record(2, "a", "x"), record(3, "b", "")];
        push(&feed, &records);
        assert_eq!(feed.after(0, true), Next::Frames(records[1].frame.clone(), 2));
        assert_eq!(feed.after(2, true), Next::Nothing(3));
    }

    #[test]
    fn a_reader_ahead_of_the_feed_does_not_go_back() {
        let feed = feed(0);
        push(&feed, &[record(1, "b", "")]);
        assert_eq!(feed.after(7, true), Next::Nothing(7));
    }

    #[test]
    fn a_closed_feed_is_read_to_its_end_first() {
        let feed = feed(0);
        push(&feed, &[record(1, "a", "x")]);
        feed.close();
        assert!(matches!(feed.after(0, true), Next::Frames(_, 1)));
        assert_eq!(feed.after(1, true), Next::Closed);
    }

    #[test]
    fn a_pass_begins_only_with_wanted_records_and_only_once() {
        let feed = feed(0);
        assert!(!push(&feed, &[record(1, "b", "")]));
        assert!(push(&feed, &[record(2, "a", "")]));
        assert!(!push(&feed, &[record(3, "a", "")]), "one is under way");
        deliver_all(&feed, 1);
        assert!(push(&feed, &[record(4, "a", "")]));
    }

    #[test]
    fn a_subscriber_without_a_direct_writer_is_woken_once() {
        let feed = feed(0);
        let (_, wakes) = park(&feed, 0, None);
        for seq in 1..=2 {
            push(&feed, &[record(seq, "a", "")]);
            deliver_all(&feed, 64);
        }
        assert_eq!(wakes.count(), 1);
    }

    #[test]
    fn an_idle_connection_is_written_to_and_its_task_not_woken() {
        let feed = feed(0);
        let connection = connection(WriteOutcome::Complete);
        let (key, wakes) = park(&feed, 0, Some(&connection));
        let records = [record(1, "a", "x"), record(2, "b", ""), record(3, "a", "y")];
        push(&feed, &records);
        deliver_all(&feed, 64);
        assert_eq!(connection.written.take(), [[&records[0].frame[..], &records[2].frame[..]].concat()]);
        assert_eq!(wakes.count(), 0);
        assert_eq!(feed.position(key), Some(3));
        assert_eq!(unparked(&feed, key), Some(3));
        push(&feed, &[record(4, "a", "z")]);
        deliver_all(&feed, 64);
        assert_eq!(unparked(&feed, key), Some(3), "a subscriber that acts by itself is left alone");
    }

    #[test]
    fn what_comes_in_during_a_pass_reaches_everybody() {
        let feed = feed(0);
        let connections: Vec<_> = (0..3).map(|_| connection(WriteOutcome::Complete)).collect();
        let parked: Vec<_> = connections.iter().map(|connection| park(&feed, 0, Some(connection))).collect();
        let big = "x".repeat(20_000);
        let records: Vec<_> = (1..=4).map(|seq| record(seq, "a", &big)).collect();
        for new in &records {
            push(&feed, std::slice::from_ref(new));
            feed.deliver(1);
        }
        deliver_all(&feed, 1);
        // One to a delivery, because two are larger than that.
        let expected: Vec<_> = records.iter().map(|record| record.frame.to_vec()).collect();
        for (connection, (key, wakes)) in connections.iter().zip(&parked) {
            assert_eq!((unparked(&feed, *key), wakes.count()), (Some(4), 0));
            assert_eq!(connection.written.take(), expected);
        }
    }

    #[test]
    fn a_partial_write_counts_as_given_and_wakes_and_a_skipped_one_only_wakes() {
        for (outcome, cursor) in [(WriteOutcome::Partial, 1), (WriteOutcome::Skipped, 0)] {
            let feed = feed(0);
            let connection = connection(outcome);
            let (key, wakes) = park(&feed, 0, Some(&connection));
            for seq in 1..=2 {
                push(&feed, &[record(seq, "a", "x")]);
                deliver_all(&feed, 64);
            }
            assert_eq!((unparked(&feed, key), wakes.count()), (Some(cursor), 1), "{outcome:?}");
        }
    }

    #[test]
    fn a_connection_that_is_gone_is_left_to_its_task() {
        let feed = feed(0);
        let connection = connection(WriteOutcome::Complete);
        let (key, wakes) = park(&feed, 0, Some(&connection));
        drop(connection);
        push(&feed, &[record(1, "a", "x")]);
        deliver_all(&feed, 64);
        assert_eq!((unparked(&feed, key), wakes.count()), (Some(0), 1));
    }
}
