//! Pieces: where all records on disk are, in log order. The file keeps them, this is their table of contents. Pieces cover
//! all seqs without a hole, so that what is not there any more can be told from what never was.

use std::collections::{BTreeMap, BTreeSet};

use super::entries::Entry;
use super::newest::Placed;
use super::varint;

/// Records of a piece that is not merged with others any more.
pub(super) const FULL: u32 = 1024;
/// Small pieces, one for each commit, that are merged at a time.
const SMALL: usize = 256;

/// The seqs of a piece, and how many of its records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    first: u64,
    kept: u32,
    /// Seq and time of a record that is its first, or was.
    start: (u64, u32),
}

#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// By last seq.
    pieces: BTreeMap<u64, Piece>,
    /// The newest ones that have not been merged: how many, and of how many records.
    small: (usize, u32),
    /// Last seqs of pieces that may be merged with the one before them.
    sparse: BTreeSet<u64>,
}

impl Pieces {
    /// The seq after the last piece.
    pub(super) fn next(&self) -> u64 {
        self.pieces.last_key_value().map_or(1, |(last, _)| last + 1)
    }

    /// A piece behind all others.
    pub(super) fn push(&mut self, last: u64, kept: u32, start: Option<Entry>) {
        // One without records takes the time of the one before it.
        let before = || self.pieces.last_key_value().map_or((0, 0), |(_, piece)| piece.start);
        let start = start.map_or_else(before, |entry| (entry.seq, entry.seconds));
        self.pieces.insert(last, Piece { first: self.next(), kept, start });
        self.small = (self.small.0 + 1, self.small.1 + kept);
    }

    /// The record with this seq has expired.
    pub(super) fn removed(&mut self, seq: u64) {
        let Some((last, piece)) = self.pieces.range_mut(seq..).next() else { return };
        piece.kept = piece.kept.saturating_sub(1);
        if piece.kept <= FULL / 2 {
            self.sparse.insert(*last);
        }
    }

    /// Those that are there now are not small, since it is not known which of them are.
    pub(super) fn restored(&mut self) {
        self.small = (0, 0);
        self.sparse
            .extend(self.pieces.iter().filter(|(_, piece)| piece.kept <= FULL / 2).map(|(last, _)| *last));
    }

    /// The seq before the piece in which the first record is, or that piece before it, of which this holds. Of records of
    /// which it does not hold, none comes after one of which it does.
    pub(super) fn before_first(&self, holds: impl Fn(u64, u32) -> bool) -> u64 {
        let holds_from = first_where(self.next(), |seq| {
            let piece = self.pieces.range(seq..).next();
            piece.is_none_or(|(_, piece)| holds(piece.start.0, piece.start.1))
        });
        let before = self.pieces.range(..holds_from).next_back();
        before.map_or(0, |(_, piece)| piece.first - 1)
    }

    /// The seq before the newest so many pieces.
    pub(super) fn before_last(&self, count: usize) -> u64 {
        self.pieces.values().rev().nth(count.saturating_sub(1)).map_or(0, |piece| piece.first - 1)
    }

    /// Are there records in pieces with seqs after this one, up to that one?
    pub(super) fn has_records(&self, after: u64, to: u64) -> bool {
        let mut pieces = self.pieces.range(after.saturating_add(1)..);
        pieces.any(|(_, piece)| piece.first <= to && piece.kept > 0)
    }

    /// Pieces to be merged into one: their first and last seq.
    pub(super) fn next_merge(&mut self) -> Option<(u64, u64)> {
        let (count, records) = self.small;
        if count >= SMALL || records >= FULL {
            let first = self.pieces.values().rev().nth(count - 1)?.first;
            return Some((first, self.next() - 1));
        }
        if self.sparse.is_empty() {
            return None;
        }
        let small_from = count.checked_sub(1).and_then(|nth| self.pieces.keys().rev().nth(nth));
        let small_from = small_from.copied().unwrap_or(u64::MAX);
        while let Some(last) = self.sparse.first().copied().filter(|last| *last < small_from) {
            self.sparse.pop_first();
            let mut from = self.pieces.range(last..);
            let (Some((found, piece)), next) = (from.next(), from.next()) else { continue };
            // It is part of a later one by now, which is among the sparse ones itself if it is one.
            if *found != last {
                continue;
            }
            if let Some((next_last, next)) = next.filter(|(next_last, _)| **next_last < small_from)
                && piece.kept + next.kept <= FULL / 4 * 3
            {
                return Some((piece.first, *next_last));
            }
            if let Some((_, before)) = self.pieces.range(..last).next_back()
                && piece.kept + before.kept <= FULL / 4 * 3
            {
                return Some((before.first, last));
            }
        }
        None
    }

    /// Those pieces are one, with so many records.
    pub(super) fn merged(&mut self, first: u64, last: u64, kept: u32) {
        if last + 1 == self.next() {
            self.small = (0, 0);
        }
        let covered: Vec<u64> = self.pieces.range(first..=last).map(|(last, _)| *last).collect();
        let merged: Vec<Piece> = covered.iter().filter_map(|last| self.pieces.remove(last)).collect();
        let start = merged.first().map_or((0, 0), |piece| piece.start);
        self.pieces.insert(last, Piece { first, kept, start });
        if kept <= FULL / 2 {
            self.sparse.insert(last);
        }
    }
}

/// The first number below `end` of which this holds, `end` if there is none. It holds of all that follow one of which it does.
pub(super) fn first_where(end: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

/// What the file has of a piece. `start`: which start of the log has stored the newest of its records.
pub(super) fn encode(start: u32, placed: impl IntoIterator<Item = Placed>) -> Vec<u8> {
    let (mut body, mut seq, mut seconds) = (Vec::new(), 0, 0);
    varint::put(&mut body, start.into());
    for Placed { topic, entry } in placed {
        varint::put(&mut body, entry.seq - seq);
        varint::put(&mut body, topic.into());
        varint::put_signed(&mut body, i64::from(entry.seconds) - seconds);
        varint::put(&mut body, entry.bytes.into());
        (seq, seconds) = (entry.seq, entry.seconds.into());
    }
    body
}

/// The start, and the records.
pub(super) fn decode(mut body: &[u8]) -> (u32, impl Iterator<Item = Placed>) {
    let (mut seq, mut seconds) = (0, 0);
    let start = varint::take(&mut body).and_then(|start| u32::try_from(start).ok()).unwrap_or(0);
    let placed = std::iter::from_fn(move || {
        seq += varint::take(&mut body)?;
        let topic = u32::try_from(varint::take(&mut body)?).ok()?;
        seconds += varint::take_signed(&mut body)?;
        let bytes = u32::try_from(varint::take(&mut body)?).ok()?;
        Some(Placed { topic, entry: Entry { seq, seconds: u32::try_from(seconds).ok()?, bytes } })
    });
    (start, placed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_can_be_decoded() {
        let placed = |seq: u64| {
            let seconds = if seq.is_multiple_of(2) { 0 } else { u32::MAX };
            Placed { topic: u32::MAX, entry: Entry { seq, seconds, bytes: u32::MAX } }
        };
        let all = [1, 2, 3, 1000, u64::MAX].map(placed);
        let body = encode(7, all);
        let (start, decoded) = decode(&body);
        assert_eq!((start, decoded.collect::<Vec<_>>()), (7, all.to_vec()));
    }

    #[test]
    fn what_was_merged_since_it_became_sparse_is_not_merged_again() {
        let mut pieces = Pieces::default();
        for seq in 1..=5000 {
            pieces.push(seq, 1, None);
            // While it is a small piece of its own.
            pieces.removed(seq);
            if let Some((first, last)) = pieces.next_merge() {
                assert!(pieces.pieces.contains_key(&last), "{first} to {last} ends within a piece");
                pieces.merged(first, last, 1);
            }
            let firsts = pieces.pieces.values().map(|piece| piece.first);
            let nexts = std::iter::once(1).chain(pieces.pieces.keys().map(|last| last + 1));
            assert!(firsts.eq(nexts.take(pieces.pieces.len())), "a hole, or two of one seq, at {seq}");
        }
    }

    #[test]
    fn small_pieces_are_merged_and_then_sparse_ones() {
        let mut pieces = Pieces::default();
        let merge_all = |pieces: &mut Pieces| {
            let mut merges = 0;
            while let Some((first, last)) = pieces.next_merge() {
                let kept = pieces.pieces.range(first..=last).map(|(_, piece)| piece.kept).sum();
                pieces.merged(first, last, kept);
                merges += 1;
                assert!(merges < 1000, "endless");
            }
        };
        for last in 1..=10_000 {
            pieces.push(last, 1, None);
            merge_all(&mut pieces);
        }
        let count = pieces.pieces.len();
        assert!(count < 10_000 / 512 + 2 + SMALL, "{count}");
        assert!(pieces.has_records(9_999, 10_000) && !pieces.has_records(10_000, 20_000));
        (1..10_000).for_each(|seq| pieces.removed(seq));
        pieces.push(10_001, 1, None);
        merge_all(&mut pieces);
        assert!(pieces.pieces.len() <= 2 + SMALL, "{}", pieces.pieces.len());
        let mut next = 1;
        for (last, piece) in &pieces.pieces {
            assert_eq!(piece.first, next);
            next = last + 1;
        }
    }
}
