//! The epochs of a log. Every start begins one, while the seqs go on, so an id says in which life of the log it was given.
//!
//! An id of an epoch with a seq past the epoch's end names an event that this log does not have: it was in memory, or the
//! log is an older copy of the one that gave the id. Without epochs such an id would name whatever has that seq now.

use sse_core::{Epoch, RecordId};

/// Most epochs of one log. An id of one that is older is not known any more.
pub(super) const MAX_EPOCHS: usize = 10_000;

/// The epochs of a log as of one start. They do not change until the next.
#[derive(Debug, Clone)]
pub struct Epochs {
    /// Oldest first, by their first seq.
    past: Vec<PastEpoch>,
    current: Epoch,
    /// Seq of the first record of the current one.
    first: u64,
}

/// An epoch that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PastEpoch {
    pub(super) epoch: Epoch,
    /// Its first seq.
    pub(super) first: u64,
    /// The newest seq that reached the disk in it; before `first` if none did.
    pub(super) last: u64,
}

/// Where an id stands in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// After this seq.
    At(u64),
    /// Past the end of its epoch, which is at this seq.
    PastEnd(u64),
}

impl Epochs {
    /// A first epoch.
    pub(super) fn new() -> Self {
        Self::after(Vec::new(), 1)
    }

    /// A new epoch whose first seq is this one, after these.
    pub(super) fn after(past: Vec<PastEpoch>, first: u64) -> Self {
        Self { past, current: Epoch::from_bits(fastrand::u64(..)), first }
    }

    pub(super) fn past(&self) -> &[PastEpoch] {
        &self.past
    }

    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The epoch of this life of the log.
    pub fn current(&self) -> Epoch {
        self.current
    }

    /// The id of a place in the log: that of the record with this seq, or of the newest one before it.
    pub fn id(&self, seq: u64) -> RecordId {
        if seq >= self.first {
            return RecordId { epoch: self.current, seq };
        }
        let before = self.past.partition_point(|past| past.first <= seq);
        let mut begun = self.past.iter().take(before).rev();
        // One that has given out nothing names no record.
        match begun.find(|past| past.first <= past.last).or(self.past.first()) {
            Some(past) => RecordId { epoch: past.epoch, seq: seq.min(past.last) },
            None => RecordId { epoch: self.current, seq },
        }
    }

    /// The id of the record with this seq. That there is one is known, whatever is known of its epoch's end.
    pub fn record_id(&self, seq: u64) -> RecordId {
        RecordId { seq, ..self.id(seq) }
    }

    /// Where an id stands when the newest record has the seq `head`. `None` if its epoch is not of this log.
    pub(crate) fn find(&self, id: RecordId, head: u64) -> Option<Place> {
        let end = match id.epoch == self.current {
            true => head,
            false => self.past.iter().rfind(|past| past.epoch == id.epoch)?.last,
        };
        Some(if id.seq <= end { Place::At(id.seq) } else { Place::PastEnd(end) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(bits: u64) -> Epoch {
        Epoch::from_bits(bits)
    }

    fn past(bits: u64, first: u64, last: u64) -> PastEpoch {
        PastEpoch { epoch: epoch(bits), first, last }
    }

    #[test]
    fn a_place_has_the_id_of_the_newest_record_up_to_it() {
        let epochs = Epochs::after(vec![past(1, 1, 0), past(2, 1, 5), past(3, 6, 90)], 201);
        let id = |seq| epochs.id(seq);
        assert_eq!(id(0), RecordId { epoch: epoch(1), seq: 0 });
        assert_eq!(id(5), RecordId { epoch: epoch(2), seq: 5 });
        assert_eq!(id(6), RecordId { epoch: epoch(3), seq: 6 });
        assert_eq!(id(150), RecordId { epoch: epoch(3), seq: 90 });
        assert_eq!(id(201), RecordId { epoch: epochs.current(), seq: 201 });
        let unused = Epochs::after(vec![past(1, 1, 5), past(2, 101, 5)], 201);
        assert_eq!(unused.id(200), RecordId { epoch: epoch(1), seq: 5 });
        assert_eq!(Epochs::new().id(0).seq, 0);
    }

    #[test]
    fn an_id_is_known_up_to_the_end_of_its_epoch() {
        let epochs = Epochs::after(vec![past(1, 1, 5), past(2, 101, 90)], 201);
        let find = |epoch, seq| epochs.find(RecordId { epoch, seq }, 205);
        assert_eq!(find(epoch(1), 5), Some(Place::At(5)));
        assert_eq!(find(epoch(1), 6), Some(Place::PastEnd(5)));
        assert_eq!(find(epoch(2), 101), Some(Place::PastEnd(90)));
        assert_eq!(find(epochs.current(), 205), Some(Place::At(205)));
        assert_eq!(find(epochs.current(), 206), Some(Place::PastEnd(205)));
        assert_eq!(find(epoch(3), 1), None);
    }
}
