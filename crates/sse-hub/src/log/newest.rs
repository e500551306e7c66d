//! Where the newest records on disk are, of all topics in log order. What is older is in the file's pieces.

use std::collections::VecDeque;

use super::entries::Entry;
use super::topics::TopicId;

/// Records that are kept here.
const MAX: usize = 8192;

#[derive(Debug, Default)]
pub(super) struct Newest {
    places: VecDeque<Placed>,
    /// Every record on disk after this seq is here.
    after: u64,
}

/// A record on disk, and whose it is. It may be removed by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) topic: TopicId,
    pub(super) entry: Entry,
}

impl Newest {
    pub(super) fn after(&self) -> u64 {
        self.after
    }

    pub(super) fn push(&mut self, placed: Placed) {
        if self.places.len() == MAX
            && let Some(oldest) = self.places.pop_front()
        {
            self.after = oldest.entry.seq;
        }
        self.places.push_back(placed);
    }

    /// Those after this seq, oldest first.
    pub(super) fn range(&self, after: u64) -> impl DoubleEndedIterator<Item = Placed> {
        let from = self.places.partition_point(|placed| placed.entry.seq <= after);
        self.places.range(from..).copied()
    }
}
