//! Ring: which of the window's records a feed gives. Knows no subscribers.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::window::Window;
use crate::direct_writer::SharedFrames;
use crate::log::{Record, joined};
use crate::selectors::Selectors;

/// Seqs that are kept. A subscriber further behind reads the log.
const KEPT: usize = 1024;
/// Bytes handed to a connection at once, if no single frame is larger. A connection that stalls holds what is left of a
/// chunk of that size.
const DELIVERY_BYTES: usize = 32 << 10;
/// Matches of a record with a selector that are tried to spare a subscriber the log.
const MAX_MATCHES: usize = 4096;

#[derive(Debug)]
pub(super) struct Ring {
    /// Of the wanted records that are in the window.
    seqs: VecDeque<u64>,
    /// Every wanted record after this seq is in `seqs`.
    floor: u64,
}

/// What there is for a subscriber at a seq.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Frames, and the seq that the subscriber stands at after them.
    Frames(Bytes, u64),
    /// Nothing yet; the subscriber now stands at this seq.
    Nothing(u64),
    /// The subscriber stands before the floor and has to read the log.
    Behind,
    /// There will be no more. Never said by the ring itself, but by a feed that is closed.
    Closed,
}

/// What brings every subscriber that stands at one seq to another.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) frames: Rc<SharedFrames>,
    /// Those that the frames are of.
    pub(super) records: Vec<Arc<Record>>,
    /// There is more after it.
    pub(super) more: bool,
}

impl Ring {
    /// An empty ring that is about to get every wanted record after `head`.
    pub(super) fn new(head: u64) -> Self {
        Self { seqs: VecDeque::new(), floor: head }
    }

    /// Takes in a wanted record of the window. `false` if it was there already.
    pub(super) fn keep(&mut self, seq: u64) -> bool {
        if self.seqs.back().is_some_and(|newest| *newest >= seq) {
            return false;
        }
        if self.seqs.len() == KEPT {
            self.floor = self.seqs.pop_front().unwrap_or(self.floor);
        }
        self.seqs.push_back(seq);
        true
    }

    /// Gives up what has left the window.
    pub(super) fn trim(&mut self, window: &Window) {
        while self.seqs.front().is_some_and(|oldest| *oldest <= window.floor()) {
            self.floor = self.seqs.pop_front().unwrap_or(self.floor);
        }
    }

    /// Everybody has got everything: gives up all of it.
    pub(super) fn clear(&mut self) {
        self.floor = self.newest();
        self.seqs = VecDeque::new();
    }

    /// Records up to `head` were missed: nothing before it can be had here.
    pub(super) fn jump(&mut self, head: u64) {
        *self = Self::new(head);
    }

    /// There is something for a subscriber at `cursor`, here or in the log.
    pub(super) fn has_after(&self, cursor: u64) -> bool {
        cursor < self.newest()
    }

    /// Takes in again what was given up, for a subscriber at `cursor`, if the window has all of it and that is not too
    /// much to look through.
    pub(super) fn reach_back(&mut self, cursor: u64, window: &Window, selectors: &Selectors) {
        self.trim(window);
        let given_up = cursor..self.floor;
        let much = || window.after(cursor).len() * selectors.len() > MAX_MATCHES;
        if given_up.is_empty() || cursor < window.floor() || much() {
            return;
        }
        let before = window.after(cursor).take_while(|record| given_up.end >= record.seq);
        let wanted = before.filter(|record| selectors.match_topic(&record.topic)).map(|record| record.seq);
        let wanted: Vec<u64> = wanted.collect();
        if wanted.len() + self.seqs.len() <= KEPT {
            wanted.into_iter().rev().for_each(|seq| self.seqs.push_front(seq));
            self.floor = cursor;
        }
    }

    /// Where a subscriber at `cursor` stands: past the unwanted records that follow, unless there is something for it.
    pub(super) fn reached_from(&self, cursor: u64, window: &Window) -> u64 {
        if self.has_after(cursor) { cursor } else { window.head().max(cursor) }
    }

    /// Seq of the first wanted record after `cursor`, if it is here.
    pub(super) fn first_after(&self, cursor: u64) -> Option<u64> {
        self.seqs.get(self.seqs.partition_point(|seq| *seq <= cursor)).copied()
    }

    /// How many events a subscriber at `cursor` is behind; before the ring, of all topics.
    pub(super) fn behind(&self, cursor: u64, window: &Window) -> u64 {
        match cursor {
            _ if !self.has_after(cursor) => 0,
            _ if cursor < self.floor => window.head().saturating_sub(cursor),
            _ => (self.seqs.len() - self.seqs.partition_point(|seq| *seq <= cursor)) as u64,
        }
    }

    /// What comes after the seq `cursor`.
    pub(super) fn after(&mut self, cursor: u64, window: &mut Window) -> Next {
        self.trim(window);
        if cursor < self.floor {
            return Next::Behind;
        }
        let (records, to) = self.delivery(cursor, window);
        window.deliveries.count(&records, 1);
        match records.as_slice() {
            [] => Next::Nothing(window.head().max(cursor)),
            some => Next::Frames(joined(some), to),
        }
    }

    /// What comes after the seq `cursor`, as much as goes into one delivery. `None` when the subscriber has to ask with
    /// [`Self::after`]. Call [`Self::trim`] before.
    pub(super) fn run(&self, cursor: u64, window: &mut Window) -> Option<Run> {
        if cursor < self.floor {
            return None;
        }
        let (records, to) = self.delivery(cursor, window);
        // Its subscribers may have to end.
        if records.iter().any(|record| record.closes) {
            return None;
        }
        let frames = match records.as_slice() {
            [] => return None,
            [one] if one.frame.len() > DELIVERY_BYTES => return None,
            [one] => window.delivery(one),
            many => Rc::new(SharedFrames::new(joined(many), to)),
        };
        Some(Run { from: cursor, to, frames, records, more: self.has_after(to) })
    }

    /// The records of one delivery to a subscriber at `cursor`, and the seq that it stands at then. A record that is
    /// larger than a delivery is one alone.
    fn delivery(&self, cursor: u64, window: &Window) -> (Vec<Arc<Record>>, u64) {
        let first = self.seqs.partition_point(|seq| *seq <= cursor);
        let (mut records, mut bytes) = (Vec::new(), 0);
        for seq in self.seqs.range(first..) {
            // A seq of the ring is in the window, or else it had been trimmed.
            let Some(record) = window.get(*seq) else { break };
            bytes += record.frame.len();
            if bytes > DELIVERY_BYTES && !records.is_empty() {
                break;
            }
            records.push(Arc::clone(record));
        }
        let to = records.last().map_or(cursor, |record| record.seq);
        (records, to)
    }

    fn newest(&self) -> u64 {
        self.seqs.back().copied().unwrap_or(self.floor)
    }
}

#[cfg(test)]
mod tests {
    use super::super::record;
    use super::*;
    use sse_core::Topic;

    /// A ring of the topic `a`, over a window.
    struct World {
        ring: Ring,
        window: Window,
    }

    impl World {
        fn new(head: u64, window_bytes: usize) -> Self {
            Self { ring: Ring::new(head), window: Window::new(head, window_bytes) }
        }

        fn keep(&mut self, record: &Arc<Record>) {
            self.window.push(Arc::clone(record));
            if record.topic.as_str() == "a" {
                self.ring.keep(record.seq);
            }
        }

        fn after(&mut self, cursor: u64) -> Next {
            self.ring.after(cursor, &mut self.window)
        }

        fn reach_back(&mut self, cursor: u64) {
            let selectors = Selectors::exactly(Topic::new("a").unwrap());
            self.ring.reach_back(cursor, &self.window, &selectors);
        }

        fn run(&mut self, cursor: u64) -> Option<Run> {
            self.ring.trim(&self.window);
            self.ring.run(cursor, &mut self.window)
        }
    }

    const ROOM: usize = 16 << 20;

    fn records(seqs: std::ops::RangeInclusive<u64>, data_bytes: usize) -> Vec<Arc<Record>> {
        seqs.map(|seq| record(seq, "a", &"x".repeat(data_bytes))).collect()
    }

    #[test]
    fn a_delivery_is_bounded_and_ends_with_a_whole_frame() {
        let mut world = World::new(0, ROOM);
        let records = records(1..=5, 10_000);
        records.iter().for_each(|record| world.keep(record));
        let mut cursor = 0;
        for expected in [3, 5] {
            let Next::Frames(frames, seq) = world.after(cursor) else { panic!("no frames") };
            let whole: usize = (cursor + 1..=seq).map(|seq| records[seq as usize - 1].frame.len()).sum();
            assert_eq!((frames.len(), seq), (whole, expected));
            let run = world.run(cursor).unwrap();
            assert_eq!((run.from, run.to, run.more), (cursor, expected, expected < 5));
            assert_eq!(run.frames.frames(), &frames);
            cursor = seq;
        }
        world.keep(&record(6, "a", &"x".repeat(100_000)));
        assert!(matches!(world.after(5), Next::Frames(_, 6)), "a frame is never split");
        assert!(world.run(5).is_none(), "its rest would stay with the connection");
    }

    #[test]
    fn a_frame_is_given_by_reference() {
        let mut world = World::new(0, ROOM);
        let record = record(1, "a", "x");
        world.keep(&record);
        let Next::Frames(frames, 1) = world.after(0) else { panic!("no frames") };
        assert_eq!(frames.as_ptr(), record.frame.as_ptr());
    }

    #[test]
    fn runs_bring_every_frame_once_and_in_order_however_large() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut world = World::new(0, 400_000);
            let mut all = Vec::new();
            while all.len() < 300 {
                let largest = random.choice([10, 2_000, DELIVERY_BYTES]).unwrap();
                let topic = random.choice(["a", "a", "b"]).unwrap();
                let record = record(all.len() as u64 + 1, topic, &"x".repeat(random.usize(0..largest)));
                world.keep(&record);
                all.push(record);
            }
            world.ring.trim(&world.window);
            let mut cursor = world.ring.floor;
            while world.ring.has_after(cursor) {
                let (frames, to) = match world.run(cursor) {
                    Some(run) => (run.frames.frames().clone(), run.to),
                    None => match world.after(cursor) {
                        Next::Frames(frames, to) => (frames, to),
                        other => panic!("{other:?} after {cursor}, seed {seed}"),
                    },
                };
                let brought =
                    all[cursor as usize..to as usize].iter().filter(|record| record.topic.as_str() == "a");
                let expected: Vec<u8> = brought.flat_map(|record| record.frame.to_vec()).collect();
                assert!(frames == expected, "{cursor} to {to}, seed {seed}");
                cursor = to;
            }
            assert!(all[cursor as usize..].iter().all(|record| record.topic.as_str() == "b"), "seed {seed}");
        }
    }

    #[test]
    fn who_stands_before_the_window_is_behind_and_who_missed_nothing_is_not() {
        let mut world = World::new(5, 10_000);
        assert_eq!(world.after(4), Next::Behind);
        assert_eq!(world.after(5), Next::Nothing(5));
        world.keep(&record(6, "a", "x"));
        world.keep(&record(7, "b", &"x".repeat(20_000)));
        assert_eq!(world.after(5), Next::Behind);
        assert_eq!(world.after(6), Next::Nothing(7), "only others have left the window since");
        world.ring.jump(9);
        world.window.jump(9);
        assert_eq!(world.after(8), Next::Behind);
    }

    #[test]
    fn what_was_given_up_can_be_had_again_from_the_window() {
        let mut world = World::new(0, ROOM);
        let a = record(1, "a", "x");
        world.keep(&a);
        world.keep(&record(2, "b", ""));
        world.ring.clear();
        assert!(!world.ring.has_after(1));
        assert_eq!(world.after(0), Next::Behind);
        world.reach_back(0);
        assert_eq!(world.after(0), Next::Frames(a.frame.clone(), 1));
        assert_eq!(world.after(1), Next::Nothing(2));
        records(3..=MAX_MATCHES as u64 + 3, 0).into_iter().for_each(|record| world.window.push(record));
        world.ring = Ring::new(MAX_MATCHES as u64 + 3);
        world.reach_back(0);
        assert_eq!(world.after(0), Next::Behind, "too many to look through");
    }

    #[test]
    fn the_ring_is_bounded() {
        let mut world = World::new(0, ROOM);
        records(1..=MAX_MATCHES as u64 + 2, 0).iter().for_each(|record| world.keep(record));
        assert_eq!(world.ring.seqs.len(), KEPT);
        assert_eq!(world.after(1), Next::Behind);
        assert!(matches!(world.after(MAX_MATCHES as u64 + 2 - KEPT as u64), Next::Frames(..)));
    }
}
