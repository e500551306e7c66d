//! Reads what the file has of all records when a log is opened, past what is damaged. Reads no frames.

use rusqlite::{OptionalExtension, Row};

use super::checksum::{head_sum, is_damage};
use super::store::Store;

/// A row of `records`, without its frame.
#[derive(Debug)]
pub(super) struct RecordRow {
    pub(super) seq: u64,
    pub(super) topic: i64,
    pub(super) time: u64,
    pub(super) bytes: u32,
}

/// What is read of each row behind a seq.
const ROWS: &str =
    "SELECT seq, topic, time, length(frame), sum, head_sum FROM records WHERE seq > ? ORDER BY seq";

impl Store {
    /// Every record in log order, as far as it can be read. Gives the seqs behind which some could not.
    pub(super) fn each_record(&self, mut see: impl FnMut(RecordRow)) -> rusqlite::Result<Vec<u64>> {
        let (mut last, mut damaged) = (0, Vec::new());
        let mut after = Some(0);
        while let Some(from) = after.take() {
            let read = self.records_after(from, &mut last, &mut damaged, &mut see);
            if let Err(error) = read {
                if !is_damage(&error) {
                    return Err(error);
                }
                damaged.push(last);
                // Always behind where this read began, so that it comes to an end.
                after = self.readable_after(last.max(from))?;
            }
        }
        damaged.dedup();
        Ok(damaged)
    }

    fn records_after(
        &self,
        after: u64,
        last: &mut u64,
        damaged: &mut Vec<u64>,
        see: &mut impl FnMut(RecordRow),
    ) -> rusqlite::Result<()> {
        let mut select = self.0.prepare_cached(ROWS)?;
        let mut rows = select.query([after])?;
        while let Some(row) = rows.next()? {
            match checked_head(row) {
                Ok(Some(record)) => {
                    *last = record.seq;
                    see(record);
                }
                Err(error) if !is_damage(&error) => return Err(error),
                _ if damaged.last() == Some(&*last) => {}
                _ => damaged.push(*last),
            }
        }
        Ok(())
    }

    /// The first seq after this one behind which records can be read again; `None` when there are none. What cannot be read
    /// is a page of the file, or some.
    fn readable_after(&self, seq: u64) -> rusqlite::Result<Option<u64>> {
        // The same columns: a row whose seq alone can be read would not let the reading go on.
        let mut select = self.0.prepare_cached(ROWS)?;
        let mut probe = |seq: u64| match select.query_row([seq], |row| checked_head(row).map(drop)).optional()
        {
            Ok(Some(())) => Ok(Some(true)),
            Ok(None) => Ok(Some(false)),
            Err(error) if is_damage(&error) => Ok(None),
            Err(error) => Err(error),
        };
        let (mut bad, mut step) = (seq, 1);
        let mut good = loop {
            let next = bad.saturating_add(step).min(i64::MAX.unsigned_abs());
            match probe(next)? {
                Some(true) => break next,
                Some(false) => return Ok(None),
                None if next == i64::MAX.unsigned_abs() => return Ok(None),
                None => (bad, step) = (next, step.saturating_mul(2)),
            }
        };
        while good - bad > 1 {
            let middle = bad + (good - bad) / 2;
            if probe(middle)? == Some(true) { good = middle } else { bad = middle }
        }
        Ok(Some(good))
    }
}

/// The row as it was stored; `None` if it is not.
fn checked_head(row: &Row<'_>) -> rusqlite::Result<Option<RecordRow>> {
    let record = RecordRow { seq: row.get(0)?, topic: row.get(1)?, time: row.get(2)?, bytes: row.get(3)? };
    let (whole, head): (Option<u32>, Option<u32>) = (row.get(4)?, row.get(5)?);
    let RecordRow { seq, topic, time, bytes } = record;
    let as_stored = |whole| head == Some(head_sum(seq, topic, time, u64::from(bytes), whole));
    // Rows of an older layout have neither.
    let checks = whole.map_or(head.is_none(), as_stored);
    Ok(checks.then_some(record))
}
