//! The SQLite file, and every statement that writes to it. Blocking; knows no threads, no topics' policies and no
//! readers that wait.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{CachedStatement, Connection, Params, Transaction};

use super::checksum::{is_damage, sum};
use super::layout::create;
use crate::log::append::AppendReceipt;
use crate::log::newest::Placed;
use crate::log::pieces;
use crate::log::record::Record;
use crate::log::topic_index::TopicIndex;
use crate::log::topics::TopicId;

/// Bytes to which the write-ahead log is cut back after it had to grow further.
const WAL_BYTES: u32 = 64 << 20;

/// Its one row is of no meaning.
const MARK: &str = "CREATE TABLE IF NOT EXISTS marks (id INTEGER PRIMARY KEY, mark INTEGER NOT NULL)";

/// The one connection that writes.
#[derive(Debug)]
pub(super) struct Store(pub(super) Connection);

/// A row of `topics`.
#[derive(Debug, Clone, Default)]
pub(super) struct TopicRow {
    pub(super) id: TopicId,
    /// Empty when no topic has this number.
    pub(super) name: String,
    pub(super) since: u64,
    pub(super) removed: u64,
    pub(super) volatile: bool,
    pub(super) state: RowState,
}

/// What else is to know of a topic's number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum RowState {
    #[default]
    Open,
    /// The topic's newest record closes it.
    Closed,
    /// No topic has it, and records of the one that had it are still there.
    Leaving,
}

impl RowState {
    pub(super) fn of(number: u8) -> Self {
        match number {
            1 => Self::Closed,
            2 => Self::Leaving,
            _ => Self::Open,
        }
    }
}

impl TopicRow {
    /// That of a topic, of which records up to `removed` are not in the file.
    pub(super) fn of(id: TopicId, topic: &TopicIndex, removed: u64) -> Self {
        let (name, volatile) = (topic.name.as_str().to_owned(), topic.is_in_memory());
        let state = if topic.is_closed { RowState::Closed } else { RowState::Open };
        Self { id, name, since: topic.since, removed, volatile, state }
    }

    pub(super) fn sum(&self) -> u32 {
        let numbers = [self.id.into(), self.since, self.removed, self.volatile.into(), self.state as u64];
        sum(&numbers, &[self.name.as_bytes()])
    }
}

impl Store {
    /// Opens the file, and makes it, without tables, if it is not there.
    pub(super) fn open(file: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(file)?;
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        if mode != "wal" {
            return Err(unusable("the file system does not support a write-ahead log"));
        }
        connection.pragma_update(None, "journal_size_limit", WAL_BYTES)?;
        // Each commit is fsynced before it returns.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "fullfsync", true)?;
        // See `checkpoints.rs`.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self(connection))
    }

    /// Does the file have more pages than it says that it has?
    pub(super) fn is_shorter_than(&self, file: &Path) -> bool {
        let number = |name: &str| self.0.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
        let (Ok(pages), Ok(bytes)) = (number("page_count"), number("page_size")) else { return false };
        file.metadata().is_ok_and(|file| file.len() > pages * bytes)
    }

    /// How many numbers of topics there are, about.
    pub(super) fn topic_count(&self) -> usize {
        self.0.query_row("SELECT coalesce(max(id), 0) FROM topics", [], |row| row.get(0)).unwrap_or(0)
    }

    /// Seq of the newest record, 0 if there is none.
    pub(super) fn newest_record(&self) -> rusqlite::Result<u64> {
        let newest = self.0.query_row("SELECT coalesce(max(seq), 0) FROM records", [], |row| row.get(0));
        match newest {
            // What cannot be read is missing from the pieces, or found damaged when it is read.
            Err(error) if is_damage(&error) => Ok(0),
            newest => newest,
        }
    }

    /// Everything that `write` does, or nothing. When this returns `Ok`, it is on disk. Gives how long the commit took, which is
    /// an fsync.
    pub(super) fn commit(
        &mut self,
        write: impl FnOnce(&Write<'_>) -> rusqlite::Result<()>,
    ) -> Result<Duration, CommitError> {
        let transaction = self.0.transaction().map_err(CommitError::before)?;
        // An early return drops the transaction, which rolls it back.
        let write_all = Write(transaction);
        write(&write_all).map_err(CommitError::before)?;
        let begun = Instant::now();
        write_all.0.commit().map_err(CommitError::during)?;
        Ok(begun.elapsed())
    }

    /// Moves the write-ahead log into the table and empties it.
    pub(super) fn checkpoint(&self) -> rusqlite::Result<()> {
        self.0.pragma_update(None, "wal_checkpoint", "truncate")
    }

    /// Was [`Write::mark`] called before, since its table was made?
    pub(super) fn is_marked(&self) -> rusqlite::Result<bool> {
        self.0.query_row("SELECT count(*) > 0 FROM marks", [], |row| row.get(0))
    }

    /// Moves what no reader needs in the write-ahead log. Gives how many of its pages are moved.
    pub(super) fn checkpoint_before_readers(&self) -> rusqlite::Result<i32> {
        self.0.query_row("PRAGMA wal_checkpoint(passive)", [], |row| row.get(2))
    }

    /// Moves the write-ahead log into the table. It begins anew with what is written next.
    pub(super) fn checkpoint_in_use(&self) -> rusqlite::Result<()> {
        self.0.pragma_update(None, "wal_checkpoint", "restart")
    }
}

/// Why a commit failed, and what that means.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommitError {
    /// There was no room. Nothing was stored.
    #[error("the disk is full")]
    Full,
    /// Nothing was stored.
    #[error("{0}")]
    Refused(rusqlite::Error),
    /// While making it durable: it may be stored or not.
    #[error("{0}")]
    Unknown(rusqlite::Error),
}

impl CommitError {
    /// An error before the commit.
    fn before(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ if is_failed_sync(&error) => Self::Unknown(error),
            _ => Self::Refused(error),
        }
    }

    /// An error of the commit. The frame that makes it valid is written last, so after a write that failed, as
    /// with a quota, nothing is stored.
    fn during(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map(|error| error.extended_code);
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ if code == Some(rusqlite::ffi::SQLITE_IOERR_WRITE) => Self::Refused(error),
            _ => Self::Unknown(error),
        }
    }
}

fn is_failed_sync(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(rusqlite::ffi::SQLITE_IOERR_FSYNC | rusqlite::ffi::SQLITE_IOERR_DIR_FSYNC))
}

/// One transaction.
pub(super) struct Write<'a>(pub(super) Transaction<'a>);

impl Write<'_> {
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<()> {
        self.0.prepare_cached(sql)?.execute(params).map(drop)
    }

    pub(super) fn put_topic(&self, row: &TopicRow) -> rusqlite::Result<()> {
        let TopicRow { id, name, since, removed, volatile, state } = row;
        let sql = "INSERT OR REPLACE INTO topics VALUES (?, ?, ?, ?, ?, ?, ?)";
        self.execute(sql, (id, name, since, removed, volatile, *state as u8, row.sum()))
    }

    pub(super) fn put_gone(&self, topic: &str, seq: u64) -> rusqlite::Result<()> {
        let sum = sum_of_gone(topic, seq);
        self.execute("INSERT OR REPLACE INTO gone VALUES (?, ?, ?)", (topic, seq, sum))
    }

    pub(super) fn delete_gone(&self, topic: &str) -> rusqlite::Result<()> {
        self.execute("DELETE FROM gone WHERE name = ?", [topic])
    }

    /// What takes records one by one. Looked up once for a group and not for each record.
    pub(super) fn inserts(&self) -> rusqlite::Result<Inserts<'_>> {
        let sql = "INSERT INTO records (seq, topic, time, frame, expires, sum) VALUES (?, ?, ?, ?, ?, ?)";
        self.0.prepare_cached(sql).map(Inserts)
    }

    /// Every record from this seq to that one: the caller knows that all between them have to go.
    pub(super) fn delete_records(&self, first: u64, last: u64) -> rusqlite::Result<()> {
        self.execute("DELETE FROM records WHERE seq BETWEEN ? AND ?", [first, last])
    }

    pub(super) fn put_piece(
        &self,
        first: u64,
        last: u64,
        start: u32,
        placed: impl IntoIterator<Item = Placed>,
    ) -> rusqlite::Result<()> {
        let body = pieces::encode(start, placed);
        let sum = sum_of_piece(last, &body);
        self.execute("INSERT OR REPLACE INTO pieces VALUES (?, ?, ?, ?)", (last, first, body, sum))
    }

    /// Makes one of the pieces from this seq to that one, of the records that `is_kept`. Gives their number.
    pub(super) fn merge_pieces(
        &self,
        first: u64,
        last: u64,
        is_kept: impl Fn(&Placed) -> bool,
    ) -> rusqlite::Result<u32> {
        let (mut kept, mut start) = (Vec::new(), 0);
        {
            let sql = "SELECT body FROM pieces WHERE last BETWEEN ? AND ? ORDER BY last";
            let mut select = self.0.prepare_cached(sql)?;
            let mut rows = select.query([first, last])?;
            while let Some(row) = rows.next()? {
                let (of_piece, placed) = pieces::decode(row.get_ref(0)?.as_blob()?);
                start = start.max(of_piece);
                kept.extend(placed.filter(&is_kept));
            }
        }
        self.execute("DELETE FROM pieces WHERE last BETWEEN ? AND ?", [first, last])?;
        let count = u32::try_from(kept.len()).unwrap_or(u32::MAX);
        self.put_piece(first, last, start, kept).map(|()| count)
    }

    /// Leaves a damaged table aside and begins an empty one in its place.
    pub(super) fn begin_anew(&self, table: &str) -> rusqlite::Result<()> {
        let aside = format!("damaged_{table}_{:08x}", fastrand::u32(..));
        self.0.execute_batch(&format!("ALTER TABLE {table} RENAME TO {aside}; {}", create(table)))
    }

    /// Makes the table of [`Self::mark`], if it is not there or cannot be used.
    pub(super) fn prepare_mark(&self) -> rusqlite::Result<()> {
        self.0.execute_batch(MARK)?;
        match self.0.query_row("SELECT count(mark) FROM marks", [], |_| Ok(())) {
            Err(error) if is_damage(&error) => {
                let aside = format!("damaged_marks_{:08x}", fastrand::u32(..));
                self.0.execute_batch(&format!("ALTER TABLE marks RENAME TO {aside}; {MARK}"))
            }
            checked => checked,
        }
    }

    /// Changes a page that nothing else is on. SQLite writes none that stays as it is.
    pub(super) fn mark(&self) -> rusqlite::Result<()> {
        self.execute("INSERT OR REPLACE INTO marks VALUES (1, ?)", [fastrand::u32(..)])
    }

    pub(super) fn insert_key(&self, key: &str, receipt: AppendReceipt, time: u64) -> rusqlite::Result<()> {
        let sum = sum_of_key(key, receipt, time);
        let row = (key, receipt.first, receipt.count, time, sum);
        self.execute("INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?)", row)
    }

    pub(super) fn delete_key(&self, key: &str) -> rusqlite::Result<()> {
        self.execute("DELETE FROM keys WHERE key = ?", [key])
    }
}

/// The statement that inserts a record.
pub(super) struct Inserts<'a>(CachedStatement<'a>);

impl Inserts<'_> {
    pub(super) fn insert(&mut self, record: &Record) -> rusqlite::Result<()> {
        let Record { seq, topic, time, expires, topic_id, frame, .. } = record;
        let sum = sum_of_record(*seq, topic.as_str(), *time, *expires, frame);
        self.0.execute((seq, topic_id, time, &frame[..], expires, sum)).map(drop)
    }
}

pub(super) fn sum_of_record(seq: u64, topic: &str, time: u64, expires: u64, frame: &[u8]) -> u32 {
    sum(&[seq, time, expires], &[topic.as_bytes(), frame])
}

pub(super) fn sum_of_piece(last: u64, body: &[u8]) -> u32 {
    sum(&[last], &[body])
}

pub(super) fn sum_of_gone(topic: &str, seq: u64) -> u32 {
    sum(&[seq], &[topic.as_bytes()])
}

pub(super) fn sum_of_key(key: &str, receipt: AppendReceipt, time: u64) -> u32 {
    sum(&[receipt.first, receipt.count, time], &[key.as_bytes()])
}

pub(super) fn unusable(why: &str) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_MISMATCH);
    rusqlite::Error::SqliteFailure(code, Some(why.into()))
}
