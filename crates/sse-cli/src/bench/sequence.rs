//! The event numbers that one stream has received: which arrived in order, twice, late, or never. No clock, no I/O.

use std::collections::VecDeque;
use std::ops::Range;

/// Holes that are tracked. Beyond that the oldest counts as lost, and its numbers count as doubled if they still arrive.
const MAX_HOLES: usize = 1024;

/// The sequences of all publishers on one stream.
#[derive(Debug, Clone, Default)]
pub(super) struct SequenceTracker(Vec<Sequence>);

/// The numbers of one publisher. Allocates nothing while everything arrives in order.
#[derive(Debug, Clone, Default)]
struct Sequence {
    /// One more than the highest number that arrived.
    next: u32,
    /// Numbers below that which are missing, in order.
    holes: VecDeque<Range<u32>>,
    /// Numbers in holes that are no longer tracked.
    forgotten: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// For the first time, and before all later ones.
    InOrder,
    /// For the first time, but after a later one.
    Late,
    /// Once more.
    Again,
}

impl SequenceTracker {
    pub(super) fn new(publishers: usize) -> Self {
        Self(vec![Sequence::default(); publishers])
    }

    pub(super) fn publishers(&self) -> usize {
        self.0.len()
    }

    /// Notes a number of a publisher; `None` if there is no such publisher.
    pub(super) fn arrive(&mut self, publisher: usize, number: u32) -> Option<Arrival> {
        self.0.get_mut(publisher).map(|sequence| sequence.arrive(number))
    }

    /// How many events never arrived. For each publisher: the end of its numbers, and those that do not count, sorted.
    pub(super) fn lost<'a>(&self, published: impl IntoIterator<Item = (u32, &'a [u32])>) -> u64 {
        self.0.iter().zip(published).map(|(sequence, (end, excused))| sequence.lost(end, excused)).sum()
    }
}

impl Sequence {
    fn arrive(&mut self, number: u32) -> Arrival {
        if number >= self.next {
            if number > self.next {
                self.open_hole(self.next..number);
            }
            self.next = number.saturating_add(1);
            return Arrival::InOrder;
        }
        if self.fill(number) { Arrival::Late } else { Arrival::Again }
    }

    /// How many numbers below `end` never arrived, without those in `excused` (sorted).
    fn lost(&self, end: u32, excused: &[u32]) -> u64 {
        let tail = self.next..end.max(self.next);
        let missing = self.holes.iter().chain([&tail]).map(|hole| {
            let from = excused.partition_point(|number| *number < hole.start);
            let to = excused.partition_point(|number| *number < hole.end);
            u64::from(hole.end - hole.start) - (to - from) as u64
        });
        missing.sum::<u64>() + self.forgotten
    }

    fn open_hole(&mut self, hole: Range<u32>) {
        if self.holes.len() == MAX_HOLES
            && let Some(oldest) = self.holes.pop_front()
        {
            self.forgotten += u64::from(oldest.end - oldest.start);
        }
        self.holes.push_back(hole);
    }

    /// Removes the number from its hole. False if it is in none.
    fn fill(&mut self, number: u32) -> bool {
        let at = self.holes.partition_point(|hole| hole.end <= number);
        if !self.holes.get(at).is_some_and(|hole| hole.contains(&number)) {
            return false;
        }
        let Some(Range { start, end }) = self.holes.remove(at) else { return false };
        for (start, end) in [(number + 1, end), (start, number)] {
            if start < end {
                self.holes.insert(at, start..end);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Arrival::{Again, InOrder, Late};
    use super::*;

    fn arrivals(sequence: &mut Sequence, numbers: &[u32]) -> Vec<Arrival> {
        numbers.iter().map(|number| sequence.arrive(*number)).collect()
    }

    #[test]
    fn tells_order_repeats_and_loss_apart() {
        let mut sequence = Sequence::default();
        assert_eq!(
            arrivals(&mut sequence, &[0, 1, 1, 4, 3, 3, 0]),
            [InOrder, InOrder, Again, InOrder, Late, Again, Again]
        );
        assert_eq!(sequence.lost(5, &[]), 1, "number 2");
        assert_eq!(sequence.lost(8, &[]), 4, "and the missing end");
        assert_eq!(sequence.lost(8, &[1, 2, 6]), 2, "1 arrived, 2 and 6 are excused");
    }

    #[test]
    fn a_hole_is_filled_from_anywhere() {
        for order in [[1, 2, 3], [3, 2, 1], [2, 1, 3], [2, 3, 1]] {
            let mut sequence = Sequence::default();
            sequence.arrive(0);
            sequence.arrive(4);
            assert_eq!(arrivals(&mut sequence, &order), [Late, Late, Late], "{order:?}");
            assert_eq!((sequence.lost(5, &[]), sequence.holes.len()), (0, 0), "{order:?}");
        }
    }

    #[test]
    fn holes_are_bounded_and_stay_lost() {
        let mut sequence = Sequence::default();
        for number in 0..3000 {
            sequence.arrive(2 * number + 1);
        }
        assert_eq!(sequence.holes.len(), MAX_HOLES);
        assert_eq!(sequence.lost(6000, &[]), 3000);
        assert_eq!(sequence.arrive(0), Again);
        assert_eq!(sequence.arrive(5998), Late);
    }
}
