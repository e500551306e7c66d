//! Where the records are: from the pieces, and one by one where these are damaged.

use sse_core::RecordId;

use super::{Number, Restore};
use crate::log::disk::scan::{StoredPiece, StoredRecord};
use crate::log::disk::store::sum_of_record;
use crate::log::entries::Entry;
use crate::log::newest::Placed;
use crate::log::topic_index::seconds;

/// Records that the index is given at once.
const RECORDS: usize = 1 << 20;

impl Restore<'_> {
    pub(super) fn pieces(&mut self) -> rusqlite::Result<()> {
        let (store, mut next, mut is_whole, mut failed) = (self.store, 1, true, Ok(()));
        let damaged = store.each_piece(|StoredPiece { first, last, start, placed }| {
            self.newest_start = self.newest_start.max(start);
            if last < next {
                is_whole = false;
                return;
            }
            if first != next {
                is_whole = false;
                let hole = if first > next { self.hole(next, first - 1) } else { self.lose(next) };
                failed = std::mem::replace(&mut failed, Ok(())).and(hole);
            }
            let placed = placed.into_iter().filter(|placed| (next..=last).contains(&placed.entry.seq));
            let (mut kept, mut start) = (0, None);
            for placed in placed {
                start.get_or_insert(placed.entry);
                kept += u32::from(self.add(placed));
            }
            self.index.add_piece(last, kept, start);
            next = last + 1;
        })?;
        failed?;
        let newest = store.newest_record()?;
        if newest >= next {
            is_whole = false;
            self.hole(next, newest)?;
        }
        self.add_records();
        if !damaged.is_empty() || !is_whole {
            self.begin_anew("pieces");
            self.repairs.pieces = self.index.rewrite_pieces();
        }
        Ok(())
    }

    /// A record that is on disk. Gives whether it is kept.
    fn add(&mut self, placed: Placed) -> bool {
        let seq = placed.entry.seq;
        if seq <= self.last {
            return false;
        }
        self.last = seq;
        match self.numbers.get(placed.topic as usize) {
            Some(Number::Known { since, is_leaving, .. }) if seq <= *since => {
                if *is_leaving {
                    self.leaving.entry(placed.topic).or_default().push(seq);
                }
                false
            }
            Some(Number::Known { is_free: false, .. }) => {
                self.newest = Some((seq, u64::from(placed.entry.seconds) * 1000));
                self.in_loss = false;
                let is_kept = self.index.restore(placed);
                if is_kept {
                    self.records.push(placed);
                    if self.records.len() == RECORDS {
                        self.add_records();
                    }
                }
                is_kept
            }
            // It is of a topic of which the row is damaged, or older than it was.
            _ => {
                let _ = self.lose(seq);
                false
            }
        }
    }

    fn add_records(&mut self) {
        self.index.add_restored(std::mem::take(&mut self.records));
    }

    /// Pieces from this seq to that one are missing: finds the records one by one.
    fn hole(&mut self, first: u64, last: u64) -> rusqlite::Result<()> {
        let mut next = first;
        let store = self.store;
        store.each_record(first, last, |StoredRecord { seq, topic, time, expires, frame, sum }| {
            // A damaged table can give rows twice.
            if seq < next {
                return;
            }
            let name = self.index.topic(topic).map(|topic| topic.name.clone());
            let checks =
                name.is_some_and(|name| sum == sum_of_record(seq, name.as_str(), time, expires, &frame));
            if seq > next {
                let _ = self.lose(seq);
            }
            let bytes = u32::try_from(frame.len()).unwrap_or(u32::MAX);
            if checks {
                self.epochs.extend(epoch_of(&frame));
                self.add(Placed { topic, entry: Entry { seq, seconds: seconds(time), bytes } });
            } else {
                let _ = self.lose(seq);
            }
            next = seq + 1;
        })?;
        if next <= last { self.lose(last) } else { Ok(()) }
    }

    /// Records up to this seq may be missing, of those after the one that was read last.
    fn lose(&mut self, seq: u64) -> rusqlite::Result<()> {
        if self.in_loss {
            self.losses.pop();
        }
        self.losses.push(seq);
        self.in_loss = true;
        Ok(())
    }
}

/// The epoch of the id in a frame.
fn epoch_of(frame: &[u8]) -> Option<u64> {
    let mut lines = frame.split(|byte| *byte == b'\n');
    let id = lines.find_map(|line| line.strip_prefix(b"id: "))?;
    str::from_utf8(id).ok()?.parse::<RecordId>().ok().map(|id| id.epoch.to_bits())
}
