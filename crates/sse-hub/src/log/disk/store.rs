//! The SQLite file: its tables and every statement on them. Blocking; knows no threads, no topics' policies and no
//! readers that wait.

use std::path::Path;

use rusqlite::{CachedStatement, Connection, Params, Transaction};
use sse_core::Epoch;

use super::checksum::{head_sum, sum};
use crate::log::append::AppendReceipt;
use crate::log::epochs::{Epochs, PastEpoch};
use crate::log::log_time::Segment;
use crate::log::record::Record;

/// Layout of the tables. A file with another number is of another version of the server.
const LAYOUT: i64 = 3;
/// Pages of the write-ahead log after which SQLite moves them into the table: about 16 MiB. Below 4,062, where the
/// log's index needs more room, which would fail on a full disk after the records were made durable.
const CHECKPOINT_PAGES: u32 = 3900;
/// Bytes to which the write-ahead log is cut back after it had to grow further.
const WAL_BYTES: u32 = 64 << 20;

const TABLES: &str = "
    CREATE TABLE meta (
        -- one row
        one INTEGER PRIMARY KEY CHECK (one = 1),
        -- seqs up to this one may have been given to records in memory
        reserved INTEGER NOT NULL,
        -- the server was stopped, not killed
        clean INTEGER NOT NULL,
        -- records up to this seq may have been forgotten with their topics
        forgotten INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE topics (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        -- newest seq of the topic that was removed
        removed INTEGER NOT NULL,
        -- the topic was in memory
        volatile INTEGER NOT NULL
    );
    CREATE TABLE records (
        seq INTEGER PRIMARY KEY,
        topic INTEGER NOT NULL,
        -- milliseconds since 1970
        time INTEGER NOT NULL,
        frame BLOB NOT NULL
    );
    CREATE TABLE keys (
        key TEXT PRIMARY KEY,
        first INTEGER NOT NULL,
        count INTEGER NOT NULL,
        -- milliseconds since 1970
        time INTEGER NOT NULL
    ) WITHOUT ROWID;
";

const TABLES_OF_LAYOUT_3: &str = "
    CREATE TABLE epochs (
        number INTEGER PRIMARY KEY,
        epoch INTEGER NOT NULL,
        first INTEGER NOT NULL,
        -- newest seq on disk; NULL while the epoch lasts
        last INTEGER
    );
    -- checksums of the whole row, and of all but the frame; NULL in rows of an older layout
    ALTER TABLE records ADD COLUMN sum INTEGER;
    ALTER TABLE records ADD COLUMN head_sum INTEGER;
    -- places after which acknowledged records may be missing
    CREATE TABLE losses (seq INTEGER PRIMARY KEY);
    -- of log time, in milliseconds
    CREATE TABLE segments (
        first INTEGER PRIMARY KEY,
        offset INTEGER NOT NULL,
        gap INTEGER NOT NULL,
        held INTEGER NOT NULL
    );
";

/// Layout 1 could not forget topics.
const FROM_LAYOUT_1: &str = "ALTER TABLE meta ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;";

/// Layout 2 had one epoch, with ids up to the reserved one.
const FROM_LAYOUT_2: &str = "
    INSERT INTO epochs (epoch, first, last) SELECT epoch, 1, reserved FROM meta;
    ALTER TABLE meta DROP COLUMN epoch;
";

/// The one connection that writes.
#[derive(Debug)]
pub(super) struct Store(pub(super) Connection);

/// What the file says about the log as a whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meta {
    pub(super) reserved: u64,
    pub(super) forgotten: u64,
    pub(super) clean: bool,
}

/// A row of `topics`.
#[derive(Debug)]
pub(super) struct TopicRow {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) removed: u64,
    pub(super) volatile: bool,
}

impl Store {
    /// Opens the file, and makes it with a new epoch if it is not there.
    pub(super) fn open(file: &Path) -> rusqlite::Result<Self> {
        let mut connection = Connection::open(file)?;
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        if mode != "wal" {
            return Err(unusable("the file system does not support a write-ahead log"));
        }
        connection.pragma_update(None, "journal_size_limit", WAL_BYTES)?;
        // Each commit is fsynced before it returns.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.set_prepared_statement_cache_capacity(32);
        let layout: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match layout {
            LAYOUT => {}
            0..LAYOUT => bring_up_to_date(&mut connection, layout)?,
            other => {
                let why = format!("it has layout {other}, this version of the server knows {LAYOUT}");
                return Err(unusable(&why));
            }
        }
        Ok(Self(connection))
    }

    pub(super) fn meta(&self) -> rusqlite::Result<Meta> {
        self.0.query_row("SELECT reserved, forgotten, clean FROM meta", [], |row| {
            Ok(Meta { reserved: row.get(0)?, forgotten: row.get(1)?, clean: row.get(2)? })
        })
    }

    /// The epochs so far, oldest first. The last of them has ended at `end`, if that was not stored.
    pub(super) fn epochs(&self, end: u64) -> rusqlite::Result<Vec<PastEpoch>> {
        let mut select = self.0.prepare("SELECT epoch, first, last FROM epochs ORDER BY number")?;
        let rows = select.query_map([], |row| {
            let epoch = Epoch::from_bits(row.get(0)?);
            let last: Option<u64> = row.get(2)?;
            Ok(PastEpoch { epoch, first: row.get(1)?, last: last.unwrap_or(end) })
        })?;
        rows.collect()
    }

    /// Places after which acknowledged records may be missing, in order.
    pub(super) fn losses(&self) -> rusqlite::Result<Vec<u64>> {
        self.0.prepare("SELECT seq FROM losses ORDER BY seq")?.query_map([], |row| row.get(0))?.collect()
    }

    /// The segments of the log's clock, in order.
    pub(super) fn segments(&self) -> rusqlite::Result<Vec<Segment>> {
        let mut select = self.0.prepare("SELECT first, offset, gap, held FROM segments ORDER BY first")?;
        let rows = select.query_map([], |row| {
            Ok(Segment { first: row.get(0)?, offset: row.get(1)?, gap: row.get(2)?, held: row.get(3)? })
        })?;
        rows.collect()
    }

    pub(super) fn topics(&self) -> rusqlite::Result<Vec<TopicRow>> {
        let mut select = self.0.prepare("SELECT id, name, removed, volatile FROM topics")?;
        let rows = select.query_map([], |row| {
            Ok(TopicRow { id: row.get(0)?, name: row.get(1)?, removed: row.get(2)?, volatile: row.get(3)? })
        })?;
        rows.collect()
    }

    /// Every idempotency key with its time, oldest first.
    pub(super) fn keys(&self) -> rusqlite::Result<Vec<(String, AppendReceipt, u64)>> {
        let mut select = self.0.prepare("SELECT key, first, count, time FROM keys ORDER BY time")?;
        let rows = select.query_map([], |row| {
            let receipt = AppendReceipt { first: row.get(1)?, count: row.get(2)?, repeated: false };
            Ok((row.get(0)?, receipt, row.get(3)?))
        })?;
        rows.collect()
    }

    /// Everything that `write` does, or nothing. When this returns `Ok`, it is on disk.
    pub(super) fn commit(
        &mut self,
        write: impl FnOnce(&Write<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), CommitError> {
        let transaction = self.0.transaction().map_err(CommitError::before)?;
        // An early return drops the transaction, which rolls it back.
        let write_all = Write(transaction);
        write(&write_all).map_err(CommitError::before)?;
        write_all.0.commit().map_err(CommitError::during)
    }

    /// Moves the write-ahead log into the table and empties it.
    pub(super) fn checkpoint(&self) -> rusqlite::Result<()> {
        self.0.pragma_update(None, "wal_checkpoint", "truncate")
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
pub(super) struct Write<'a>(Transaction<'a>);

impl Write<'_> {
    fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<()> {
        self.0.prepare_cached(sql)?.execute(params).map(drop)
    }

    pub(super) fn insert_topic(&self, name: &str, volatile: bool) -> rusqlite::Result<i64> {
        let sql = "INSERT INTO topics (name, removed, volatile) VALUES (?, 0, ?)";
        self.0.prepare_cached(sql)?.insert((name, volatile))
    }

    /// Of a topic without records.
    pub(super) fn delete_topic(&self, topic: i64) -> rusqlite::Result<()> {
        self.execute("DELETE FROM topics WHERE id = ?", [topic])
    }

    pub(super) fn set_forgotten(&self, seq: u64) -> rusqlite::Result<()> {
        self.execute("UPDATE meta SET forgotten = ?", [seq])
    }

    /// What takes records one by one. Looked up once for a group and not for each record.
    pub(super) fn inserts(&self) -> rusqlite::Result<Inserts<'_>> {
        let sql = "INSERT INTO records (seq, topic, time, frame, sum, head_sum) VALUES (?, ?, ?, ?, ?, ?)";
        self.0.prepare_cached(sql).map(Inserts)
    }

    /// Every record from this seq to that one: the caller knows that all between them have to go.
    pub(super) fn delete_records(&self, first: u64, last: u64) -> rusqlite::Result<()> {
        self.execute("DELETE FROM records WHERE seq BETWEEN ? AND ?", [first, last])
    }

    pub(super) fn set_removed(&self, topic: i64, seq: u64) -> rusqlite::Result<()> {
        self.execute("UPDATE topics SET removed = ? WHERE id = ?", (seq, topic))
    }

    pub(super) fn set_volatile(&self, topic: i64, volatile: bool) -> rusqlite::Result<()> {
        self.execute("UPDATE topics SET volatile = ? WHERE id = ?", (volatile, topic))
    }

    pub(super) fn insert_key(&self, key: &str, receipt: AppendReceipt, time: u64) -> rusqlite::Result<()> {
        let row = (key, receipt.first, receipt.count, time);
        self.execute("INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?)", row)
    }

    pub(super) fn delete_key(&self, key: &str) -> rusqlite::Result<()> {
        self.execute("DELETE FROM keys WHERE key = ?", [key])
    }

    /// All epochs, the current one with an end that is to come.
    pub(super) fn set_epochs(&self, epochs: &Epochs) -> rusqlite::Result<()> {
        self.execute("DELETE FROM epochs", [])?;
        let sql = "INSERT INTO epochs (epoch, first, last) VALUES (?, ?, ?)";
        for past in epochs.past() {
            self.execute(sql, (past.epoch.to_bits(), past.first, Some(past.last)))?;
        }
        self.execute(sql, (epochs.current().to_bits(), epochs.first(), None::<u64>))
    }

    pub(super) fn set_losses(&self, losses: &[u64]) -> rusqlite::Result<()> {
        self.execute("DELETE FROM losses", [])?;
        losses.iter().try_for_each(|seq| self.execute("INSERT INTO losses VALUES (?)", [seq]))
    }

    pub(super) fn set_segments(&self, segments: &[Segment]) -> rusqlite::Result<()> {
        self.execute("DELETE FROM segments", [])?;
        segments.iter().try_for_each(|Segment { first, offset, gap, held }| {
            self.execute("INSERT INTO segments VALUES (?, ?, ?, ?)", (first, offset, gap, held))
        })
    }

    pub(super) fn set_meta(&self, reserved: u64, clean: bool) -> rusqlite::Result<()> {
        self.execute("UPDATE meta SET reserved = ?, clean = ?", (reserved, clean))
    }
}

/// The statement that inserts a record.
pub(super) struct Inserts<'a>(CachedStatement<'a>);

impl Inserts<'_> {
    pub(super) fn insert(&mut self, topic: i64, record: &Record) -> rusqlite::Result<()> {
        let sum = sum(record.seq, topic, record.time, &record.frame);
        let head_sum = head_sum(record.seq, topic, record.time, record.frame.len() as u64, sum);
        self.0.execute((record.seq, topic, record.time, &record.frame[..], sum, head_sum)).map(drop)
    }
}

/// Makes the tables of the newest layout from those of an older one; 0 is an empty file.
fn bring_up_to_date(connection: &mut Connection, layout: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    if layout == 0 {
        transaction.execute_batch(TABLES)?;
        transaction.execute("INSERT INTO meta (one, reserved, clean) VALUES (1, 0, 1)", [])?;
    }
    if layout == 1 {
        transaction.execute_batch(FROM_LAYOUT_1)?;
    }
    transaction.execute_batch(TABLES_OF_LAYOUT_3)?;
    if layout > 0 {
        transaction.execute_batch(FROM_LAYOUT_2)?;
    }
    transaction.pragma_update(None, "user_version", LAYOUT)?;
    transaction.commit()
}

fn unusable(why: &str) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_MISMATCH);
    rusqlite::Error::SqliteFailure(code, Some(why.into()))
}
