//! The newest frames of one selector set and who waits for more, shared by the worker's streams that ask for it. Not
//! shared between workers, knows no log.

use std::cell::RefCell;
use std::task::Context;

use tokio::time::Instant;

use super::ring::{Next, Ring};
use super::waiters::Waiters;
use crate::connection::Outlet;
use crate::log::Record;
use crate::selectors::Selectors;

/// Gives every reader the same frames, in rounds: what comes in is first kept, then brought to who waits for it, a
/// stretch of readers at a time, so that a feed with many does not hold up its worker.
#[derive(Debug)]
pub(super) struct Feed {
    selectors: Selectors,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    waiters: Waiters,
    closed: bool,
    round: Round,
}

/// How far the news has been brought round.
#[derive(Debug)]
enum Round {
    /// Everybody has it.
    Done,
    /// The reader at this place is next. `again`: who came before it has not got everything.
    At { next: usize, again: bool },
}

/// What one turn of a feed has done.
#[derive(Debug)]
pub(super) struct Turn {
    /// Readers that were sent to or woken.
    pub(super) served: usize,
    /// There is nobody left who waits for something.
    pub(super) over: bool,
}

impl Feed {
    /// An empty feed that is about to get every record after `head`.
    pub(super) fn new(selectors: Selectors, head: u64) -> Self {
        let ring = Ring::new(head);
        let state = State { ring, waiters: Waiters::default(), closed: false, round: Round::Done };
        Self { selectors, state: RefCell::new(state) }
    }

    pub(super) fn selectors(&self) -> &Selectors {
        &self.selectors
    }

    /// Takes in the next records of the log, all of them. `true` when a round begins; see [`Self::go_round`].
    pub(super) fn push(&self, records: &[impl AsRef<Record>]) -> bool {
        let mut state = self.state.borrow_mut();
        let Some(last) = records.last() else { return false };
        state.ring.advance(last.as_ref().seq);
        let wanted = records.iter().map(AsRef::as_ref);
        let wanted: Vec<&Record> =
            wanted.filter(|record| self.selectors.match_topic(&record.topic)).collect();
        if wanted.is_empty() {
            return false;
        }
        state.ring.keep(&wanted);
        state.begin_round()
    }

    /// Brings what is new to at most `most` readers.
    pub(super) fn go_round(&self, most: usize) -> Turn {
        let State { ring, waiters, round, .. } = &mut *self.state.borrow_mut();
        let Round::At { next, again } = *round else { return Turn { served: 0, over: true } };
        let stretch = waiters.give(ring, next, most);
        let again = again || stretch.again;
        *round = match stretch.next {
            Some(next) => Round::At { next, again },
            None if again => Round::At { next: 0, again: false },
            None => Round::Done,
        };
        Turn { served: stretch.served, over: matches!(round, Round::Done) }
    }

    /// Records up to `head` were missed: empties the ring, so that readers go through the log.
    pub(super) fn jump(&self, head: u64) {
        let mut state = self.state.borrow_mut();
        state.ring.jump(head);
        state.waiters.wake_all();
    }

    /// Ends every stream once it has read what is there.
    pub(super) fn close(&self) {
        let mut state = self.state.borrow_mut();
        state.closed = true;
        state.waiters.wake_all();
    }

    /// What comes after the seq `cursor`. Who is behind a closed feed is told that it is closed: it comes back and reads
    /// on after the restart.
    pub(super) fn after(&self, cursor: u64) -> Next {
        let state = self.state.borrow();
        match state.ring.after(cursor) {
            Next::Nothing(_) | Next::Behind if state.closed => Next::Closed,
            next => next,
        }
    }

    /// Notes that a reader that stands at `cursor` has seen everything: gives it what comes, through `outlet` where that
    /// is possible, else by waking its task. `key` is its place, to be given back to [`Self::forget`].
    pub(super) fn wait(
        &self,
        key: &mut Option<usize>,
        context: &Context<'_>,
        cursor: u64,
        outlet: Option<&Outlet>,
    ) {
        self.state.borrow_mut().waiters.wait(key, context, cursor, outlet);
    }

    /// The reader acts by itself now. Where it stands, if it ever waited.
    pub(super) fn resume(&self, key: Option<usize>) -> Option<u64> {
        self.state.borrow_mut().waiters.resume(key)
    }

    /// What was sent last through the reader's outlet: up to which seq, and when.
    pub(super) fn sent(&self, key: Option<usize>) -> Option<(u64, Instant)> {
        self.state.borrow().waiters.sent(key)
    }

    /// Gives up the place of a reader.
    pub(super) fn forget(&self, key: Option<usize>) {
        self.state.borrow_mut().waiters.forget(key);
    }
}

impl State {
    /// `true` if none was under way.
    fn begin_round(&mut self) -> bool {
        match &mut self.round {
            Round::At { again, .. } => {
                *again = true;
                false
            }
            Round::Done => {
                self.round = Round::At { next: 0, again: false };
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ring::tests::record;
    use super::*;
    use crate::connection::tests::{pair, read};
    use crate::connection::{Connection, Parcel};
    use sse_core::Topic;
    use std::sync::Arc;
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

    impl Feed {
        /// Readers that were sent frames past their tasks.
        pub(in crate::hub) fn sent_to(&self) -> usize {
            self.state.borrow().waiters.sent_to()
        }
    }

    fn feed(head: u64) -> Feed {
        Feed::new(Selectors::exactly(Topic::new("a").unwrap()), head)
    }

    /// A reader that waits at `cursor`.
    fn wait(feed: &Feed, cursor: u64, connection: Option<&Connection>) -> (Option<usize>, Arc<Wakes>) {
        let (mut key, wakes) = (None, Arc::new(Wakes::default()));
        let (waker, outlet) = (Waker::from(Arc::clone(&wakes)), connection.map(Connection::outlet));
        feed.wait(&mut key, &Context::from_waker(&waker), cursor, outlet.as_ref());
        (key, wakes)
    }

    fn bring_round(feed: &Feed, most: usize) {
        loop {
            let turn = feed.go_round(most);
            assert!(turn.served <= most);
            if turn.over {
                return;
            }
        }
    }

    #[test]
    fn gives_frames_of_wanted_records_and_moves_past_the_others() {
        let feed = feed(0);
        let records = [record(1, "b", ""), record(2, "a", "x"), record(3, "b", "")];
        feed.push(&records);
        assert_eq!(feed.after(0), Next::Frames(records[1].frame.clone(), 2));
        assert_eq!(feed.after(2), Next::Nothing(3));
    }

    #[test]
    fn a_reader_ahead_of_the_feed_does_not_go_back() {
        let feed = feed(0);
        feed.push(&[record(1, "b", "")]);
        assert_eq!(feed.after(7), Next::Nothing(7));
    }

    #[test]
    fn a_closed_feed_is_read_to_its_end_first() {
        let feed = feed(0);
        feed.push(&[record(1, "a", "x")]);
        feed.close();
        assert!(matches!(feed.after(0), Next::Frames(_, 1)));
        assert_eq!(feed.after(1), Next::Closed);
    }

    #[test]
    fn a_round_begins_only_with_wanted_records_and_only_once() {
        let feed = feed(0);
        assert!(!feed.push(&[record(1, "b", "")]));
        assert!(feed.push(&[record(2, "a", "")]));
        assert!(!feed.push(&[record(3, "a", "")]), "one is under way");
        bring_round(&feed, 1);
        assert!(feed.push(&[record(4, "a", "")]));
    }

    #[test]
    fn who_cannot_be_sent_to_is_woken_once() {
        let feed = feed(0);
        let (_, wakes) = wait(&feed, 0, None);
        for seq in 1..=2 {
            feed.push(&[record(seq, "a", "")]);
            bring_round(&feed, 64);
        }
        assert_eq!(wakes.count(), 1);
    }

    #[tokio::test]
    async fn who_has_an_idle_connection_is_sent_to_and_not_woken() {
        let feed = feed(0);
        let (connection, mut peer) = pair().await;
        let (key, wakes) = wait(&feed, 0, Some(&connection));
        let records = [record(1, "a", "x"), record(2, "b", ""), record(3, "a", "y")];
        feed.push(&records);
        bring_round(&feed, 64);
        let frames = [&records[0].frame[..], &records[2].frame[..]].concat();
        let parcel = Parcel::new(&frames);
        assert_eq!(read(&mut peer, parcel.bytes().len()).await, parcel.bytes());
        assert_eq!(wakes.count(), 0);
        assert_eq!(feed.sent(key).map(|(seq, _)| seq), Some(3));
        assert_eq!(feed.resume(key), Some(3));
        feed.push(&[record(4, "a", "z")]);
        bring_round(&feed, 64);
        assert_eq!(feed.resume(key), Some(3), "a reader that acts by itself is left alone");
    }

    #[tokio::test]
    async fn what_comes_in_during_a_round_reaches_everybody() {
        let feed = feed(0);
        let mut pairs = Vec::new();
        for _ in 0..3 {
            pairs.push(pair().await);
        }
        let readers: Vec<_> = pairs.iter().map(|(connection, _)| wait(&feed, 0, Some(connection))).collect();
        let big = "x".repeat(20_000);
        let records: Vec<_> = (1..=4).map(|seq| record(seq, "a", &big)).collect();
        for new in &records {
            feed.push(std::slice::from_ref(new));
            feed.go_round(1);
        }
        bring_round(&feed, 1);
        // One to a parcel, because two are larger than a delivery.
        let parcels = records.iter().map(|record| Parcel::new(&record.frame));
        let expected: Vec<u8> = parcels.flat_map(|parcel| parcel.bytes().to_vec()).collect();
        for ((_, peer), (key, wakes)) in pairs.iter_mut().zip(&readers) {
            assert_eq!((feed.resume(*key), wakes.count()), (Some(4), 0));
            assert!(read(peer, expected.len()).await == expected);
        }
    }

    #[tokio::test]
    async fn who_reads_no_more_is_woken_and_waits_for_room() {
        let feed = feed(0);
        let (connection, _peer) = pair().await;
        let (key, wakes) = wait(&feed, 0, Some(&connection));
        let big = "x".repeat(30_000);
        let mut seq = 0;
        while wakes.count() == 0 {
            seq += 1;
            feed.push(&[record(seq, "a", &big)]);
            bring_round(&feed, 64);
            assert!(seq < 1000, "30 MB went to a peer that does not read");
        }
        let given = feed.resume(key).unwrap();
        assert!(given == seq || given == seq - 1, "{given} of {seq}: what was begun counts as given");
    }
}
