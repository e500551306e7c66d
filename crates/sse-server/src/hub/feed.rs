//! The newest frames of one selector set, shared by the worker's streams that ask for it. Not shared between
//! workers, knows no log: who stands before its floor reads the log.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::task::{Context, Waker};

use bytes::Bytes;
use slab::Slab;

use crate::log::Record;
use crate::selectors::Selectors;

/// Bytes of frames that a feed keeps, if the newest chunk is not larger. A reader further behind reads the log.
const KEPT_BYTES: usize = 1 << 20;
/// Bytes handed to a connection at once, if no single frame is larger. A connection that stalls holds no more than
/// that beside its own write buffer.
const DELIVERY_BYTES: usize = 32 << 10;
/// Chunks that a feed keeps, so that many small ones cost no more than that.
const KEPT_CHUNKS: usize = 1024;

/// A ring of frames with the wakers of who waits for the next one.
#[derive(Debug)]
pub(super) struct Feed {
    selectors: Selectors,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    /// Everything after this seq, up to `head`, is in the ring.
    floor: u64,
    /// Seq of the newest record looked at, wanted or not.
    head: u64,
    closed: bool,
    waiters: Slab<Waiter>,
}

/// Frames that came in together, back to back.
#[derive(Debug)]
struct Chunk {
    frames: Bytes,
    /// Seq and end of each frame in `frames`.
    ends: Box<[(u64, usize)]>,
}

#[derive(Debug)]
struct Waiter {
    waker: Waker,
    /// Has asked since it was last woken.
    waiting: bool,
}

/// What a feed has for a reader.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Frames, and the seq that the reader stands at after them.
    Frames(Bytes, u64),
    /// Nothing yet; the reader now stands at this seq.
    Nothing(u64),
    /// The reader stands before the floor and has to read the log.
    Behind,
    /// There will be no more. Also told to who is behind: it comes back and reads on after the restart.
    Closed,
}

impl Feed {
    /// An empty feed that is about to get every record after `head`.
    pub(super) fn new(selectors: Selectors, head: u64) -> Self {
        let state = State {
            chunks: VecDeque::new(),
            bytes: 0,
            floor: head,
            head,
            closed: false,
            waiters: Slab::new(),
        };
        Self { selectors, state: RefCell::new(state) }
    }

    pub(super) fn selectors(&self) -> &Selectors {
        &self.selectors
    }

    /// Takes in the next records of the log, all of them, and wakes who waits if one is wanted.
    pub(super) fn push(&self, records: &[impl AsRef<Record>]) {
        let mut state = self.state.borrow_mut();
        let Some(last) = records.last() else { return };
        state.head = state.head.max(last.as_ref().seq);
        let wanted = records.iter().map(AsRef::as_ref);
        let wanted: Vec<&Record> =
            wanted.filter(|record| self.selectors.match_topic(&record.topic)).collect();
        if wanted.is_empty() {
            return;
        }
        state.keep(Chunk::new(&wanted));
        state.wake();
    }

    /// Records up to `head` were missed: empties the ring, so that readers go through the log.
    pub(super) fn jump(&self, head: u64) {
        let mut state = self.state.borrow_mut();
        state.chunks.clear();
        state.bytes = 0;
        (state.floor, state.head) = (head, head);
        state.wake();
    }

    /// Ends every stream once it has read what is there.
    pub(super) fn close(&self) {
        let mut state = self.state.borrow_mut();
        state.closed = true;
        state.wake();
    }

    /// What comes after the seq `cursor`.
    pub(super) fn after(&self, cursor: u64) -> Next {
        let state = self.state.borrow();
        if cursor < state.floor {
            return if state.closed { Next::Closed } else { Next::Behind };
        }
        let nth = state.chunks.partition_point(|chunk| chunk.last_seq() <= cursor);
        match state.chunks.get(nth) {
            Some(chunk) => chunk.after(cursor),
            None if state.closed => Next::Closed,
            None => Next::Nothing(state.head.max(cursor)),
        }
    }

    /// Wakes this task when there is more. `key` is the task's place, to be given back to [`Self::forget`].
    pub(super) fn wait(&self, key: &mut Option<usize>, context: &Context<'_>) {
        let waiters = &mut self.state.borrow_mut().waiters;
        match key.and_then(|key| waiters.get_mut(key)) {
            Some(waiter) => {
                waiter.waker.clone_from(context.waker());
                waiter.waiting = true;
            }
            None => *key = Some(waiters.insert(Waiter { waker: context.waker().clone(), waiting: true })),
        }
    }

    /// Gives up the place of a task.
    pub(super) fn forget(&self, key: Option<usize>) {
        if let Some(key) = key {
            self.state.borrow_mut().waiters.try_remove(key);
        }
    }
}

impl State {
    fn keep(&mut self, chunk: Chunk) {
        self.bytes += chunk.frames.len();
        self.chunks.push_back(chunk);
        while self.chunks.len() > 1 && (self.bytes > KEPT_BYTES || self.chunks.len() > KEPT_CHUNKS) {
            let Some(oldest) = self.chunks.pop_front() else { break };
            self.bytes -= oldest.frames.len();
            self.floor = oldest.last_seq();
        }
    }

    fn wake(&mut self) {
        for (_, waiter) in &mut self.waiters {
            if std::mem::take(&mut waiter.waiting) {
                waiter.waker.wake_by_ref();
            }
        }
    }
}

impl Chunk {
    /// `records` is not empty.
    fn new(records: &[&Record]) -> Self {
        let mut end = 0;
        let ends = records.iter().map(|record| {
            end += record.frame.len();
            (record.seq, end)
        });
        let ends: Box<[_]> = ends.collect();
        let frames = match records {
            [one] => one.frame.clone(),
            many => {
                let mut frames = Vec::with_capacity(end);
                many.iter().for_each(|record| frames.extend_from_slice(&record.frame));
                frames.into()
            }
        };
        Self { frames, ends }
    }

    fn last_seq(&self) -> u64 {
        self.ends.last().map_or(0, |(seq, _)| *seq)
    }

    /// The frames after the seq `cursor`, as many as go into one delivery. There is at least one.
    fn after(&self, cursor: u64) -> Next {
        let read = self.ends.partition_point(|(seq, _)| *seq <= cursor);
        let (before, after) = self.ends.split_at(read);
        let start = before.last().map_or(0, |(_, end)| *end);
        let fitting = after.partition_point(|(_, end)| *end - start <= DELIVERY_BYTES);
        let last = after.get(fitting.saturating_sub(1)).copied();
        let (seq, end) = last.unwrap_or((self.last_seq(), self.frames.len()));
        Next::Frames(self.frames.slice(start..end), seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sse_core::{Epoch, Event, RecordId, Topic};
    use std::sync::Arc;

    fn record(seq: u64, topic: &str, data: &str) -> Arc<Record> {
        let id = RecordId { epoch: Epoch::from_bits(0), seq };
        Arc::new(Record::new(id, Arc::new(Topic::new(topic).unwrap()), 0, &Event::new(data)))
    }

    fn feed(head: u64) -> Feed {
        Feed::new(Selectors::exactly(Topic::new("a").unwrap()), head)
    }

    fn frame(record: &Record) -> Bytes {
        record.frame.clone()
    }

    #[test]
    fn gives_frames_of_wanted_records_and_moves_past_the_others() {
        let feed = feed(0);
        let records = [record(1, "b", ""), record(2, "a", "x"), record(3, "b", "")];
        feed.push(&records);
        assert_eq!(feed.after(0), Next::Frames(frame(&records[1]), 2));
        assert_eq!(feed.after(2), Next::Nothing(3));
    }

    #[test]
    fn a_reader_inside_a_chunk_gets_the_rest_of_it() {
        let feed = feed(0);
        let records = [record(1, "a", "x"), record(2, "a", "y")];
        feed.push(&records);
        assert_eq!(feed.after(1), Next::Frames(frame(&records[1]), 2));
        assert!(matches!(feed.after(0), Next::Frames(both, 2) if both.len() == 2 * records[0].frame.len()));
    }

    #[test]
    fn a_delivery_is_bounded_and_ends_with_a_whole_frame() {
        let feed = feed(0);
        let records: Vec<_> = (1..=5).map(|seq| record(seq, "a", &"x".repeat(10_000))).collect();
        feed.push(&records);
        let mut cursor = 0;
        for expected in [3, 5] {
            let Next::Frames(frames, seq) = feed.after(cursor) else { panic!("no frames") };
            let whole: usize = (cursor + 1..=seq).map(|seq| frame(&records[seq as usize - 1]).len()).sum();
            assert_eq!((frames.len(), seq), (whole, expected));
            cursor = seq;
        }
        feed.push(&[record(6, "a", &"x".repeat(100_000))]);
        assert!(matches!(feed.after(5), Next::Frames(_, 6)), "a frame is never split");
    }

    #[test]
    fn a_reader_ahead_of_the_feed_does_not_go_back() {
        let feed = feed(0);
        feed.push(&[record(1, "b", "")]);
        assert_eq!(feed.after(7), Next::Nothing(7));
    }

    #[test]
    fn who_stands_before_the_ring_is_behind() {
        let feed = feed(5);
        assert_eq!(feed.after(4), Next::Behind);
        assert_eq!(feed.after(5), Next::Nothing(5));
        let big = "x".repeat(KEPT_BYTES);
        feed.push(&[record(6, "a", &big)]);
        assert!(matches!(feed.after(5), Next::Frames(_, 6)), "the newest chunk stays, whatever its size");
        feed.push(&[record(7, "a", "x")]);
        assert_eq!(feed.after(5), Next::Behind);
        assert!(matches!(feed.after(6), Next::Frames(_, 7)));
        feed.jump(9);
        assert_eq!(feed.after(8), Next::Behind);
    }

    #[test]
    fn the_ring_is_bounded_by_chunks_too() {
        let feed = feed(0);
        for seq in 1..=2 + KEPT_CHUNKS as u64 {
            feed.push(&[record(seq, "a", "")]);
        }
        assert_eq!(feed.after(1), Next::Behind);
        assert!(matches!(feed.after(2), Next::Frames(_, 3)));
    }

    #[test]
    fn a_closed_feed_is_read_to_its_end_first() {
        let feed = feed(0);
        feed.push(&[record(1, "a", "x")]);
        feed.close();
        assert!(matches!(feed.after(0), Next::Frames(_, 1)));
        assert_eq!(feed.after(1), Next::Closed);
    }
}
