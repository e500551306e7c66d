//! Reads a table in the order of its key, past what is damaged.

use rusqlite::{OptionalExtension, Row};

use super::checksum::is_damage;
use super::store::{RowState, Store, TopicRow, sum_of_gone, sum_of_key, sum_of_piece};
use crate::log::append::AppendReceipt;
use crate::log::newest::Placed;
use crate::log::pieces;
use crate::log::topics::TopicId;

/// A row of a table; `None` if it is not as it was stored.
type Checked<T> = rusqlite::Result<Option<T>>;

/// Keys behind which rows are damaged or cannot be read.
pub(super) type Damages = Vec<i64>;

/// How a table is read: its rows behind a key, in order, the key first.
struct Scan<'a, T> {
    store: &'a Store,
    sql: &'a str,
    check: &'a dyn Fn(&Row<'_>) -> Checked<T>,
}

/// A row of `records`, not checked.
#[derive(Debug)]
pub(super) struct StoredRecord {
    pub(super) seq: u64,
    pub(super) topic: TopicId,
    pub(super) time: u64,
    pub(super) expires: u64,
    pub(super) frame: Vec<u8>,
    pub(super) sum: u32,
}

/// A stored piece.
#[derive(Debug)]
pub(super) struct StoredPiece {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) start: u32,
    pub(super) placed: Vec<Placed>,
}

impl Store {
    /// Every row of a topic's number, as far as they can be read.
    pub(super) fn each_topic(&self, see: impl FnMut(TopicRow)) -> rusqlite::Result<Damages> {
        let sql =
            "SELECT id, name, since, removed, volatile, state, sum FROM topics WHERE id > ? ORDER BY id";
        let check = |row: &Row<'_>| {
            let topic = TopicRow {
                id: row.get(0)?,
                name: row.get(1)?,
                since: row.get(2)?,
                removed: row.get(3)?,
                volatile: row.get(4)?,
                state: RowState::of(row.get(5)?),
            };
            let checks = row.get::<_, u32>(6)? == topic.sum();
            Ok(checks.then_some(topic))
        };
        Scan { store: self, sql, check: &check }.each(-1, see)
    }

    /// Every piece, as far as they can be read.
    pub(super) fn each_piece(&self, see: impl FnMut(StoredPiece)) -> rusqlite::Result<Damages> {
        let sql = "SELECT last, first, body, sum FROM pieces WHERE last > ? ORDER BY last";
        let check = |row: &Row<'_>| {
            let (last, first): (u64, u64) = (row.get(0)?, row.get(1)?);
            let body = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
            let checks = row.get::<_, u32>(3)? == sum_of_piece(last, body);
            let piece = || {
                let (start, placed) = pieces::decode(body);
                StoredPiece { first, last, start, placed: placed.collect() }
            };
            Ok(checks.then(piece))
        };
        Scan { store: self, sql, check: &check }.each(-1, see)
    }

    /// Every record from a seq to another one, as far as they can be read.
    pub(super) fn each_record(
        &self,
        first: u64,
        last: u64,
        see: impl FnMut(StoredRecord),
    ) -> rusqlite::Result<Damages> {
        let last = i64::try_from(last).unwrap_or(i64::MAX);
        self.records(first.saturating_sub(1), &format!("AND seq <= {last} ORDER BY seq"), see)
    }

    /// About so many records behind a seq, as far as they can be read; none at the end.
    pub(super) fn records_after(
        &self,
        after: u64,
        count: usize,
        see: impl FnMut(StoredRecord),
    ) -> rusqlite::Result<Damages> {
        self.records(after, &format!("ORDER BY seq LIMIT {count}"), see)
    }

    fn records(&self, after: u64, which: &str, see: impl FnMut(StoredRecord)) -> rusqlite::Result<Damages> {
        let sql = format!("SELECT seq, topic, time, frame, sum, expires FROM records WHERE seq > ? {which}");
        let check = |row: &Row<'_>| {
            let (seq, topic, time) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (frame, sum, expires) = (row.get(3)?, row.get(4)?, row.get(5)?);
            Ok(Some(StoredRecord { seq, topic, time, expires, frame, sum }))
        };
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        Scan { store: self, sql: &sql, check: &check }.each(after, see)
    }

    /// Topics that are gone, with the seq up to which they had records, in the order of these. `None` when some cannot be read.
    pub(super) fn gone(&self) -> rusqlite::Result<Option<Vec<(String, u64)>>> {
        self.all("SELECT name, seq, sum FROM gone ORDER BY seq", |row| {
            let (name, seq): (String, u64) = (row.get(0)?, row.get(1)?);
            let checks = row.get::<_, u32>(2)? == sum_of_gone(&name, seq);
            Ok(checks.then_some((name, seq)))
        })
    }

    /// Every idempotency key with its time, oldest first. `None` when some cannot be read.
    pub(super) fn keys(&self) -> rusqlite::Result<Option<Vec<(String, AppendReceipt, u64)>>> {
        self.all("SELECT key, first, count, time, sum FROM keys ORDER BY time", |row| {
            let key: String = row.get(0)?;
            let receipt = AppendReceipt { first: row.get(1)?, count: row.get(2)?, repeated: false };
            let time = row.get(3)?;
            let checks = row.get::<_, u32>(4)? == sum_of_key(&key, receipt, time);
            Ok(checks.then_some((key, receipt, time)))
        })
    }

    /// A small table, if all of it can be read.
    fn all<T>(&self, sql: &str, check: impl Fn(&Row<'_>) -> Checked<T>) -> Checked<Vec<T>> {
        let read = || self.0.prepare(sql)?.query_map([], |row| check(row))?.collect();
        match read() {
            Err(error) if is_damage(&error) => Ok(None),
            read => read,
        }
    }
}

impl<T> Scan<'_, T> {
    /// Every row behind a key.
    fn each(&self, after: i64, mut see: impl FnMut(T)) -> rusqlite::Result<Damages> {
        let (mut last, mut damaged) = (after, Vec::new());
        let mut next = Some(after);
        while let Some(from) = next.take() {
            if let Err(error) = self.each_until_damage(from, &mut last, &mut damaged, &mut see) {
                if !is_damage(&error) {
                    return Err(error);
                }
                damaged.push(last);
                // Always behind where this reading began, so that it comes to an end.
                next = self.readable_after(last.max(from))?;
            }
        }
        damaged.dedup();
        Ok(damaged)
    }

    fn each_until_damage(
        &self,
        after: i64,
        last: &mut i64,
        damaged: &mut Vec<i64>,
        see: &mut impl FnMut(T),
    ) -> rusqlite::Result<()> {
        let mut select = self.store.0.prepare_cached(self.sql)?;
        let mut rows = select.query([after])?;
        while let Some(row) = rows.next()? {
            match (self.check)(row) {
                Ok(Some(checked)) => {
                    *last = row.get(0)?;
                    see(checked);
                }
                Err(error) if !is_damage(&error) => return Err(error),
                _ if damaged.last() == Some(&*last) => {}
                _ => damaged.push(*last),
            }
        }
        Ok(())
    }

    /// The first key after this one behind which rows can be read again; `None` when there are none. What cannot be read
    /// is a page of the file, or some.
    fn readable_after(&self, key: i64) -> rusqlite::Result<Option<i64>> {
        let mut select = self.store.0.prepare_cached(self.sql)?;
        // The same columns: a row whose key alone can be read would not let the reading go on.
        let mut probe = |key: i64| match select.query_row([key], |row| (self.check)(row).map(drop)).optional()
        {
            Ok(Some(())) => Ok(Some(true)),
            Ok(None) => Ok(Some(false)),
            Err(error) if is_damage(&error) => Ok(None),
            Err(error) => Err(error),
        };
        let (mut bad, mut step) = (key, 1_i64);
        let mut good = loop {
            let next = bad.saturating_add(step);
            match probe(next)? {
                Some(true) => break next,
                Some(false) => return Ok(None),
                None if next == i64::MAX => return Ok(None),
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
