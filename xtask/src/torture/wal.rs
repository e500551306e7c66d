//! What is in a write-ahead log of SQLite that nobody has damaged yet, and how much of it damage can hide: a transaction at its
//! end that does not check is the same as a write that was cut off.
//!
//! The file is a header of 32 bytes and frames: 24 bytes and a page each. Frames of an earlier use of the file have another salt.

use std::ops::Range;

pub(super) const HEADER: usize = 32;
pub(super) const FRAME: usize = 24 + 4096;

/// Where the bytes of each transaction are.
pub(super) fn transactions(wal: &[u8]) -> Vec<Range<usize>> {
    let salt = wal.get(16..24);
    let (mut start, mut ends) = (HEADER, Vec::new());
    for (nth, frame) in wal.get(HEADER..).unwrap_or_default().chunks_exact(FRAME).enumerate() {
        if frame.get(8..16) != salt {
            break;
        }
        if frame.get(4..8) != Some(&[0; 4]) {
            let end = HEADER + (nth + 1) * FRAME;
            ends.push(start..end);
            start = end;
        }
    }
    ends
}

/// Number of transactions at the end of `before` that may be missing from `after` like a write that was cut off. The header is
/// on disk before any transaction is, so a wrong one is damage.
pub(super) fn may_be_cut_off(before: &[u8], after: &[u8]) -> usize {
    let transactions = transactions(before);
    if after.len() < HEADER {
        return transactions.len();
    }
    let same = |bytes: &Range<usize>| {
        after.get(bytes.clone()).is_some_and(|after| before.get(bytes.clone()) == Some(after))
    };
    if !same(&(0..HEADER)) {
        return 0;
    }
    let whole = transactions.iter().take_while(|bytes| same(bytes)).count();
    let damaged = transactions.iter().skip(whole);
    if damaged.clone().any(same) { 0 } else { damaged.count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three transactions of one, two and one frame, and a frame of an earlier use.
    fn wal() -> Vec<u8> {
        let mut wal = vec![7; HEADER];
        for (salt, ends) in [(7, 1), (7, 0), (7, 1), (7, 1), (6, 1)] {
            let mut frame = vec![5; FRAME];
            frame[4..8].copy_from_slice(&[0, 0, 0, ends]);
            frame[8..16].fill(salt);
            wal.extend(frame);
        }
        wal
    }

    #[test]
    fn only_the_end_can_pass_as_cut_off() {
        let before = wal();
        assert_eq!(transactions(&before).len(), 3);
        assert_eq!(may_be_cut_off(&before, &before), 0);
        let changed = |frames: &[usize]| {
            let mut after = before.clone();
            frames.iter().for_each(|frame| after[HEADER + frame * FRAME + 100] ^= 1);
            may_be_cut_off(&before, &after)
        };
        assert_eq!(changed(&[3]), 1);
        assert_eq!(changed(&[1, 3]), 2);
        assert_eq!(changed(&[2]), 0);
        assert_eq!(changed(&[0, 1, 3]), 3);
        assert_eq!(changed(&[0, 3]), 0);
        assert_eq!(changed(&[4]), 0);
        assert_eq!(may_be_cut_off(&before, &before[..HEADER + 2 * FRAME]), 2);
        assert_eq!(may_be_cut_off(&before, &[]), 3);
        let mut after = before.clone();
        after[0] ^= 1;
        assert_eq!(may_be_cut_off(&before, &after), 0);
    }
}
