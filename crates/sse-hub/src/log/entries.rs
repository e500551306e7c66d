//! Where the records of one topic on disk are, oldest first. Compressed: a log may have tens of millions, and most topics
//! have one.

use std::collections::VecDeque;
use std::iter::{from_fn, once};

use super::varint;

/// Entries of a chunk; a read goes through one chunk at most before it finds its place.
const CHUNK: usize = 64;

/// Where one record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) seq: u64,
    /// Seconds since 1970, which is fine enough for removing by age.
    pub(super) seconds: u32,
    /// Of its frame.
    pub(super) bytes: u32,
}

/// A queue of entries whose seqs grow.
#[derive(Debug, Default)]
pub(super) enum Entries {
    #[default]
    None,
    One(Entry),
    Many(Box<Many>),
}

#[derive(Debug)]
pub(super) struct Many {
    chunks: VecDeque<Chunk>,
    len: usize,
    newest: Entry,
}

/// The first entry as it is, each of the others as what it differs by from the one before it.
#[derive(Debug)]
struct Chunk {
    first: Entry,
    len: usize,
    rest: Vec<u8>,
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(many) => many.len,
        }
    }

    pub(super) fn oldest(&self) -> Option<Entry> {
        match self {
            Self::None => None,
            Self::One(entry) => Some(*entry),
            Self::Many(many) => many.chunks.front().map(|chunk| chunk.first),
        }
    }

    pub(super) fn newest(&self) -> Option<Entry> {
        match self {
            Self::None => None,
            Self::One(entry) => Some(*entry),
            Self::Many(many) => Some(many.newest),
        }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        match self {
            Self::None => *self = Self::One(entry),
            Self::One(first) => {
                let mut chunks = VecDeque::with_capacity(1);
                chunks.push_back(Chunk::of(*first));
                let mut many = Many { chunks, len: 1, newest: *first };
                many.push(entry);
                *self = Self::Many(Box::new(many));
            }
            Self::Many(many) => many.push(entry),
        }
    }

    pub(super) fn pop_oldest(&mut self) -> Option<Entry> {
        let many = match self {
            Self::None => return None,
            Self::One(entry) => {
                let entry = *entry;
                *self = Self::None;
                return Some(entry);
            }
            Self::Many(many) => many,
        };
        let chunk = many.chunks.front_mut()?;
        let oldest = chunk.first;
        if !chunk.pop_first() {
            many.chunks.pop_front();
        }
        many.len -= 1;
        if many.len == 1 {
            *self = Self::One(many.newest);
        }
        Some(oldest)
    }

    /// Oldest first, from the first one that is not `before`. Of entries that are, none comes after one that is not.
    pub(super) fn from(&self, before: impl Fn(&Entry) -> bool) -> impl Iterator<Item = Entry> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(entry) => (Some(*entry), None),
            Self::Many(many) => {
                let chunk = many.chunks.partition_point(|chunk| before(&chunk.first));
                (None, Some(many.chunks.range(chunk.saturating_sub(1)..).flat_map(Chunk::iter)))
            }
        };
        one.into_iter().chain(many.into_iter().flatten()).skip_while(before)
    }

    /// Newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = Entry> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(entry) => (Some(*entry), None),
            Self::Many(many) => (None, Some(many.chunks.iter().rev())),
        };
        let reversed = |chunk: &Chunk| chunk.iter().collect::<Vec<_>>().into_iter().rev();
        one.into_iter().chain(many.into_iter().flatten().flat_map(reversed))
    }
}

impl Many {
    fn push(&mut self, entry: Entry) {
        match self.chunks.back_mut().filter(|chunk| chunk.len < CHUNK) {
            Some(chunk) => chunk.push(self.newest, entry),
            None => {
                if let Some(full) = self.chunks.back_mut() {
                    full.rest.shrink_to_fit();
                }
                self.chunks.push_back(Chunk::of(entry));
            }
        }
        self.len += 1;
        self.newest = entry;
    }
}

impl Chunk {
    fn of(first: Entry) -> Self {
        Self { first, len: 1, rest: Vec::new() }
    }

    fn push(&mut self, before: Entry, entry: Entry) {
        varint::put(&mut self.rest, entry.seq - before.seq);
        varint::put_signed(&mut self.rest, i64::from(entry.seconds) - i64::from(before.seconds));
        varint::put(&mut self.rest, entry.bytes.into());
        self.len += 1;
    }

    /// `false` if it was the only one.
    fn pop_first(&mut self) -> bool {
        let mut rest = &self.rest[..];
        let Some(second) = next(self.first, &mut rest) else { return false };
        let read = self.rest.len() - rest.len();
        self.rest.drain(..read);
        self.first = second;
        self.len -= 1;
        true
    }

    fn iter(&self) -> impl Iterator<Item = Entry> {
        let (mut last, mut rest) = (self.first, &self.rest[..]);
        once(self.first).chain(from_fn(move || {
            last = next(last, &mut rest)?;
            Some(last)
        }))
    }
}

fn next(before: Entry, rest: &mut &[u8]) -> Option<Entry> {
    let seq = before.seq + varint::take(rest)?;
    let seconds = i64::from(before.seconds) + varint::take_signed(rest)?;
    let bytes = u32::try_from(varint::take(rest)?).ok()?;
    Some(Entry { seq, seconds: u32::try_from(seconds).ok()?, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(nth: u64) -> Entry {
        // Times go back too.
        let seconds = 1_790_000_000 + u32::try_from(nth % 7).unwrap() * 1000;
        Entry { seq: nth * nth + 1, seconds, bytes: u32::try_from(nth % 3).unwrap() * 70_000 }
    }

    #[test]
    fn it_is_a_queue_that_can_be_searched() {
        for count in [0, 1, 2, 63, 64, 65, 128, 1000] {
            let mut entries = Entries::default();
            let all: Vec<Entry> = (0..count).map(entry).collect();
            all.iter().for_each(|entry| entries.push(*entry));
            for kept in 0..count as usize {
                let left = &all[kept..];
                assert_eq!(entries.len(), left.len());
                assert_eq!(
                    (entries.oldest(), entries.newest()),
                    (left.first().copied(), left.last().copied())
                );
                if kept % 13 == 0 {
                    assert!(entries.newest_first().eq(left.iter().rev().copied()));
                    for after in [0, left[0].seq, left[left.len() / 2].seq, left[left.len() - 1].seq] {
                        let wanted = left.iter().copied().filter(|entry| entry.seq > after);
                        assert!(
                            entries.from(|entry| entry.seq <= after).eq(wanted),
                            "{count} {kept} {after}"
                        );
                    }
                }
                assert_eq!(entries.pop_oldest(), Some(all[kept]));
            }
            assert_eq!((entries.pop_oldest(), entries.len()), (None, 0));
        }
    }
}
