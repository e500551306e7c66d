//! Ring: the newest frames of a feed. Knows no subscribers.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::direct_writer::SharedFrames;
use crate::log::Record;

/// Bytes of frames that are kept, if the newest bundle is not larger. A subscriber further behind reads the log.
const KEPT_BYTES: usize = 1 << 20;
/// Bundles that are kept, so that many small ones cost no more than that.
const KEPT_BUNDLES: usize = 1024;
/// Bytes handed to a connection at once, if no single frame is larger. A connection that stalls holds what is left of a
/// chunk of that size, and its own write buffer and one delivery more.
const DELIVERY_BYTES: usize = 32 << 10;

#[derive(Debug)]
pub(crate) struct Ring {
    bundles: VecDeque<Bundle>,
    bytes: usize,
    /// Everything after this seq, up to `head`, is in the ring.
    floor: u64,
    /// Seq of the newest record looked at, wanted or not.
    head: u64,
}

/// Frames that came in together, back to back.
#[derive(Debug)]
struct Bundle {
    frames: Bytes,
    /// Seq and end of each frame in `frames`.
    ends: Box<[(u64, usize)]>,
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
    pub(super) frames: SharedFrames,
    /// There is more after it.
    pub(super) more: bool,
}

impl Ring {
    /// An empty ring that is about to get every record after `head`.
    pub(super) fn new(head: u64) -> Self {
        Self { bundles: VecDeque::new(), bytes: 0, floor: head, head }
    }

    /// Every record up to `seq` has been looked at.
    pub(super) fn advance(&mut self, seq: u64) {
        self.head = self.head.max(seq);
    }

    /// Takes in wanted records; there is at least one.
    pub(super) fn keep(&mut self, records: &[&Record]) {
        let bundle = Bundle::new(records);
        self.bytes += bundle.frames.len();
        self.bundles.push_back(bundle);
        while self.bundles.len() > 1 && (self.bytes > KEPT_BYTES || self.bundles.len() > KEPT_BUNDLES) {
            let Some(oldest) = self.bundles.pop_front() else { break };
            self.bytes -= oldest.frames.len();
            self.floor = oldest.last_seq();
        }
    }

    /// Records up to `head` were missed: nothing before it can be had here.
    pub(super) fn jump(&mut self, head: u64) {
        *self = Self::new(head);
    }

    /// There is something for a subscriber at `cursor`, here or in the log.
    pub(super) fn has_after(&self, cursor: u64) -> bool {
        cursor < self.bundles.back().map_or(self.floor, Bundle::last_seq)
    }

    /// Where a subscriber at `cursor` stands: past the unwanted records that follow, unless there is something for it.
    pub(super) fn reached_from(&self, cursor: u64) -> u64 {
        if self.has_after(cursor) { cursor } else { self.head.max(cursor) }
    }

    /// What comes after the seq `cursor`.
    pub(super) fn after(&self, cursor: u64) -> Next {
        if cursor < self.floor {
            return Next::Behind;
        }
        match self.bundles.get(self.nth_after(cursor)) {
            Some(bundle) => {
                let (frames, seq) = bundle.after(cursor);
                Next::Frames(frames, seq)
            }
            None => Next::Nothing(self.head.max(cursor)),
        }
    }

    /// What comes after the seq `cursor`, as much as goes into one delivery. `None` when the subscriber has to ask with
    /// [`Self::after`].
    pub(super) fn run(&self, cursor: u64) -> Option<Run> {
        if cursor < self.floor {
            return None;
        }
        let (mut frames, mut to) = (Vec::new(), cursor);
        for bundle in self.bundles.range(self.nth_after(cursor)..) {
            let (next, seq) = bundle.after(to);
            if frames.len() + next.len() > DELIVERY_BYTES {
                break;
            }
            frames.extend_from_slice(&next);
            to = seq;
            // The rest of the bundle comes before any other.
            if bundle.last_seq() > to {
                break;
            }
        }
        let more = self.has_after(to);
        (!frames.is_empty()).then(|| Run {
            from: cursor,
            to,
            frames: SharedFrames::new(frames.into(), to),
            more,
        })
    }

    fn nth_after(&self, cursor: u64) -> usize {
        self.bundles.partition_point(|bundle| bundle.last_seq() <= cursor)
    }
}

impl Bundle {
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

    /// The frames after the seq `cursor`, as many as go into one delivery, and the last one's seq. There is at least
    /// one.
    fn after(&self, cursor: u64) -> (Bytes, u64) {
        let read = self.ends.partition_point(|(seq, _)| *seq <= cursor);
        let (before, after) = self.ends.split_at(read);
        let start = before.last().map_or(0, |(_, end)| *end);
        let fitting = after.partition_point(|(_, end)| *end - start <= DELIVERY_BYTES);
        let last = after.get(fitting.saturating_sub(1)).copied();
        let (seq, end) = last.unwrap_or((self.last_seq(), self.frames.len()));
        (self.frames.slice(start..end), seq)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use sse_core::{Epoch, Event, RecordId, Topic};
    use std::sync::Arc;

    pub(in crate::fanout) fn record(seq: u64, topic: &str, data: &str) -> Arc<Record> {
        let id = RecordId { epoch: Epoch::from_bits(0), seq };
        Arc::new(Record::new(id, Arc::new(Topic::new(topic).unwrap()), 0, "", &Event::new(data)))
    }

    fn keep(ring: &mut Ring, records: &[Arc<Record>]) {
        let records: Vec<&Record> = records.iter().map(AsRef::as_ref).collect();
        ring.keep(&records);
        ring.advance(records.last().unwrap().seq);
    }

    fn frame(record: &Record) -> Bytes {
        record.frame.clone()
    }

    #[test]
    fn a_subscriber_inside_a_bundle_gets_the_rest_of_it() {
        let mut ring = Ring::new(0);
        let records = [record(1, "a", "x"), record(2, "a", "y")];
        keep(&mut ring, &records);
        assert_eq!(ring.after(1), Next::Frames(frame(&records[1]), 2));
        assert!(matches!(ring.after(0), Next::Frames(both, 2) if both.len() == 2 * records[0].frame.len()));
    }

    #[test]
    fn a_delivery_is_bounded_and_ends_with_a_whole_frame() {
        let mut ring = Ring::new(0);
        let records: Vec<_> = (1..=5).map(|seq| record(seq, "a", &"x".repeat(10_000))).collect();
        keep(&mut ring, &records);
        let mut cursor = 0;
        for expected in [3, 5] {
            let Next::Frames(frames, seq) = ring.after(cursor) else { panic!("no frames") };
            let whole: usize = (cursor + 1..=seq).map(|seq| frame(&records[seq as usize - 1]).len()).sum();
            assert_eq!((frames.len(), seq), (whole, expected));
            cursor = seq;
        }
        keep(&mut ring, &[record(6, "a", &"x".repeat(100_000))]);
        assert!(matches!(ring.after(5), Next::Frames(_, 6)), "a frame is never split");
    }

    #[test]
    fn a_run_joins_bundles_up_to_the_size_of_a_delivery() {
        let mut ring = Ring::new(0);
        let records: Vec<_> = (1..=5).map(|seq| record(seq, "a", &"x".repeat(10_000))).collect();
        records.iter().for_each(|record| keep(&mut ring, std::slice::from_ref(record)));
        let first = ring.run(0).unwrap();
        assert_eq!((first.from, first.to, first.more), (0, 3, true));
        let rest = ring.run(3).unwrap();
        assert_eq!((rest.from, rest.to, rest.more), (3, 5, false));
        let frames = [frame(&records[3]), frame(&records[4])].concat();
        assert_eq!(rest.frames.frames()[..], frames[..]);
    }

    #[test]
    fn there_is_no_run_with_nothing_with_one_large_frame_or_from_before_the_ring() {
        let mut ring = Ring::new(5);
        assert!(ring.run(5).is_none());
        keep(&mut ring, &[record(6, "a", &"x".repeat(DELIVERY_BYTES))]);
        assert!(ring.run(5).is_none(), "its rest would stay with the connection");
        keep(&mut ring, &[record(7, "a", "x")]);
        assert!(ring.run(6).is_some());
        assert!(ring.run(4).is_none());
    }

    #[test]
    fn runs_bring_every_frame_once_and_in_order_however_large_and_bundled() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let (mut ring, mut records) = (Ring::new(0), Vec::new());
            while records.len() < 300 {
                let largest = random.choice([10, 2_000, DELIVERY_BYTES]).unwrap();
                let first = records.len() as u64 + 1;
                let seqs = first..=first + random.u64(0..40);
                let bundle: Vec<_> =
                    seqs.map(|seq| record(seq, "a", &"x".repeat(random.usize(0..largest)))).collect();
                keep(&mut ring, &bundle);
                records.extend(bundle);
            }
            let mut cursor = ring.floor;
            while ring.has_after(cursor) {
                let (run, to) = match ring.run(cursor) {
                    Some(run) => (run.frames.frames().clone(), run.to),
                    None => match ring.after(cursor) {
                        Next::Frames(frames, to) => (frames, to),
                        other => panic!("{other:?} after {cursor}, seed {seed}"),
                    },
                };
                let brought = &records[cursor as usize..to as usize];
                let frames: Vec<u8> = brought.iter().flat_map(|record| record.frame.to_vec()).collect();
                assert!(run == frames, "{cursor} to {to}, seed {seed}");
                cursor = to;
            }
            assert_eq!(cursor, records.len() as u64, "seed {seed}");
        }
    }

    #[test]
    fn who_stands_before_the_ring_is_behind() {
        let mut ring = Ring::new(5);
        assert_eq!(ring.after(4), Next::Behind);
        assert_eq!(ring.after(5), Next::Nothing(5));
        let big = "x".repeat(KEPT_BYTES);
        keep(&mut ring, &[record(6, "a", &big)]);
        assert!(matches!(ring.after(5), Next::Frames(_, 6)), "the newest bundle stays, whatever its size");
        keep(&mut ring, &[record(7, "a", "x")]);
        assert_eq!(ring.after(5), Next::Behind);
        assert!(matches!(ring.after(6), Next::Frames(_, 7)));
        ring.jump(9);
        assert_eq!(ring.after(8), Next::Behind);
    }

    #[test]
    fn the_ring_is_bounded_by_bundles_too() {
        let mut ring = Ring::new(0);
        for seq in 1..=2 + KEPT_BUNDLES as u64 {
            keep(&mut ring, &[record(seq, "a", "")]);
        }
        assert_eq!(ring.after(1), Next::Behind);
        assert!(matches!(ring.after(2), Next::Frames(_, 3)));
    }
}
