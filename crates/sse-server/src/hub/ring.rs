//! The newest frames of a feed, back to back. Knows nobody who reads them.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::connection::Parcel;
use crate::log::Record;

/// Bytes of frames that are kept, if the newest chunk is not larger. A reader further behind reads the log.
const KEPT_BYTES: usize = 1 << 20;
/// Chunks that are kept, so that many small ones cost no more than that.
const KEPT_CHUNKS: usize = 1024;
/// Bytes handed to a connection at once, if no single frame is larger. A connection that stalls holds no more than
/// that beside its own write buffer.
const DELIVERY_BYTES: usize = 32 << 10;

#[derive(Debug)]
pub(super) struct Ring {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    /// Everything after this seq, up to `head`, is in the ring.
    floor: u64,
    /// Seq of the newest record looked at, wanted or not.
    head: u64,
}

/// Frames that came in together.
#[derive(Debug)]
struct Chunk {
    frames: Bytes,
    /// Seq and end of each frame in `frames`.
    ends: Box<[(u64, usize)]>,
}

/// What there is for a reader at a seq.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Frames, and the seq that the reader stands at after them.
    Frames(Bytes, u64),
    /// Nothing yet; the reader now stands at this seq.
    Nothing(u64),
    /// The reader stands before the floor and has to read the log.
    Behind,
}

/// Frames for every reader that stands at the same seq.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) parcel: Parcel,
    /// There is more after it.
    pub(super) more: bool,
}

impl Ring {
    /// An empty ring that is about to get every record after `head`.
    pub(super) fn new(head: u64) -> Self {
        Self { chunks: VecDeque::new(), bytes: 0, floor: head, head }
    }

    /// Every record up to `seq` has been looked at.
    pub(super) fn advance(&mut self, seq: u64) {
        self.head = self.head.max(seq);
    }

    /// Takes in wanted records; there is at least one.
    pub(super) fn keep(&mut self, records: &[&Record]) {
        let chunk = Chunk::new(records);
        self.bytes += chunk.frames.len();
        self.chunks.push_back(chunk);
        while self.chunks.len() > 1 && (self.bytes > KEPT_BYTES || self.chunks.len() > KEPT_CHUNKS) {
            let Some(oldest) = self.chunks.pop_front() else { break };
            self.bytes -= oldest.frames.len();
            self.floor = oldest.last_seq();
        }
    }

    /// Records up to `head` were missed: nothing before it can be had here.
    pub(super) fn jump(&mut self, head: u64) {
        *self = Self::new(head);
    }

    /// There is something for a reader at `cursor`, here or in the log.
    pub(super) fn has_after(&self, cursor: u64) -> bool {
        cursor < self.chunks.back().map_or(self.floor, Chunk::last_seq)
    }

    /// What comes after the seq `cursor`.
    pub(super) fn after(&self, cursor: u64) -> After {
        if cursor < self.floor {
            return After::Behind;
        }
        match self.chunks.get(self.nth_after(cursor)) {
            Some(chunk) => {
                let (frames, seq) = chunk.after(cursor);
                After::Frames(frames, seq)
            }
            None => After::Nothing(self.head.max(cursor)),
        }
    }

    /// What comes after the seq `cursor`, as much as goes into one delivery. `None` when the reader has to ask with
    /// [`Self::after`].
    pub(super) fn cut(&self, cursor: u64) -> Option<Cut> {
        let mut chunks = self.chunks.range(self.nth_after(cursor)..);
        let (frames, mut to) = chunks.next().filter(|_| cursor >= self.floor)?.after(cursor);
        if frames.len() > DELIVERY_BYTES {
            return None;
        }
        let mut frames = Vec::from(frames);
        for chunk in chunks {
            let (next, seq) = chunk.after(to);
            if frames.len() + next.len() > DELIVERY_BYTES {
                break;
            }
            frames.extend_from_slice(&next);
            to = seq;
        }
        Some(Cut { from: cursor, to, parcel: Parcel::new(&frames), more: self.has_after(to) })
    }

    fn nth_after(&self, cursor: u64) -> usize {
        self.chunks.partition_point(|chunk| chunk.last_seq() <= cursor)
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

    pub(in crate::hub) fn record(seq: u64, topic: &str, data: &str) -> Arc<Record> {
        let id = RecordId { epoch: Epoch::from_bits(0), seq };
        Arc::new(Record::new(id, Arc::new(Topic::new(topic).unwrap()), 0, &Event::new(data)))
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
    fn a_reader_inside_a_chunk_gets_the_rest_of_it() {
        let mut ring = Ring::new(0);
        let records = [record(1, "a", "x"), record(2, "a", "y")];
        keep(&mut ring, &records);
        assert_eq!(ring.after(1), After::Frames(frame(&records[1]), 2));
        assert!(matches!(ring.after(0), After::Frames(both, 2) if both.len() == 2 * records[0].frame.len()));
    }

    #[test]
    fn a_delivery_is_bounded_and_ends_with_a_whole_frame() {
        let mut ring = Ring::new(0);
        let records: Vec<_> = (1..=5).map(|seq| record(seq, "a", &"x".repeat(10_000))).collect();
        keep(&mut ring, &records);
        let mut cursor = 0;
        for expected in [3, 5] {
            let After::Frames(frames, seq) = ring.after(cursor) else { panic!("no frames") };
            let whole: usize = (cursor + 1..=seq).map(|seq| frame(&records[seq as usize - 1]).len()).sum();
            assert_eq!((frames.len(), seq), (whole, expected));
            cursor = seq;
        }
        keep(&mut ring, &[record(6, "a", &"x".repeat(100_000))]);
        assert!(matches!(ring.after(5), After::Frames(_, 6)), "a frame is never split");
    }

    #[test]
    fn a_cut_joins_chunks_up_to_the_size_of_a_delivery() {
        let mut ring = Ring::new(0);
        let records: Vec<_> = (1..=5).map(|seq| record(seq, "a", &"x".repeat(10_000))).collect();
        records.iter().for_each(|record| keep(&mut ring, std::slice::from_ref(record)));
        let first = ring.cut(0).unwrap();
        assert_eq!((first.from, first.to, first.more), (0, 3, true));
        let rest = ring.cut(3).unwrap();
        assert_eq!((rest.from, rest.to, rest.more), (3, 5, false));
        let frames = [frame(&records[3]), frame(&records[4])].concat();
        assert_eq!(rest.parcel, Parcel::new(&frames));
    }

    #[test]
    fn there_is_no_cut_of_nothing_of_one_large_frame_or_before_the_ring() {
        let mut ring = Ring::new(5);
        assert!(ring.cut(5).is_none());
        keep(&mut ring, &[record(6, "a", &"x".repeat(DELIVERY_BYTES))]);
        assert!(ring.cut(5).is_none(), "its rest would stay with the connection");
        keep(&mut ring, &[record(7, "a", "x")]);
        assert!(ring.cut(6).is_some());
        assert!(ring.cut(4).is_none());
    }

    #[test]
    fn who_stands_before_the_ring_is_behind() {
        let mut ring = Ring::new(5);
        assert_eq!(ring.after(4), After::Behind);
        assert_eq!(ring.after(5), After::Nothing(5));
        let big = "x".repeat(KEPT_BYTES);
        keep(&mut ring, &[record(6, "a", &big)]);
        assert!(matches!(ring.after(5), After::Frames(_, 6)), "the newest chunk stays, whatever its size");
        keep(&mut ring, &[record(7, "a", "x")]);
        assert_eq!(ring.after(5), After::Behind);
        assert!(matches!(ring.after(6), After::Frames(_, 7)));
        ring.jump(9);
        assert_eq!(ring.after(8), After::Behind);
    }

    #[test]
    fn the_ring_is_bounded_by_chunks_too() {
        let mut ring = Ring::new(0);
        for seq in 1..=2 + KEPT_CHUNKS as u64 {
            keep(&mut ring, &[record(seq, "a", "")]);
        }
        assert_eq!(ring.after(1), After::Behind);
        assert!(matches!(ring.after(2), After::Frames(_, 3)));
    }
}
