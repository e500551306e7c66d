//! The SQLite file: its tables and every statement on them. Blocking; knows no threads, no topics' policies and no
//! readers that wait.

use std::path::Path;

use rusqlite::{CachedStatement, Connection, OpenFlags, OptionalExtension, Params, Transaction};
use sse_core::Epoch;

use crate::log::append::AppendReceipt;
use crate::log::record::Record;

/// Layout of the tables. A file with another number is of another version of the server.
const LAYOUT: i64 = 2;
/// Pages of the write-ahead log after which SQLite moves them into the table: about 16 MiB. Below 4,062, where the
/// log's index needs more room, which would fail on a full disk after the records were made durable.
const CHECKPOINT_PAGES: u32 = 3900;
/// Bytes to which the write-ahead log is cut back after it had to grow further.
const WAL_BYTES: u32 = 64 << 20;

const TABLES: &str = "
    CREATE TABLE meta (
        -- one row
        one INTEGER PRIMARY KEY CHECK (one = 1),
        epoch INTEGER NOT NULL,
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

/// Layout 1 could not forget topics.
const FROM_LAYOUT_1: &str = "
    BEGIN;
    ALTER TABLE meta ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
    PRAGMA user_version = 2;
    COMMIT;
";

/// The one connection that writes.
#[derive(Debug)]
pub(super) struct Store(Connection);

/// What the file says about the log as a whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meta {
    pub(super) epoch: Epoch,
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

/// A row of `records`, without its frame.
#[derive(Debug)]
pub(super) struct RecordRow {
    pub(super) seq: u64,
    pub(super) topic: i64,
    pub(super) time: u64,
    pub(super) bytes: u32,
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
            0 => create(&mut connection)?,
            1 => connection.execute_batch(FROM_LAYOUT_1)?,
            other => {
                let why = format!("it has layout {other}, this version of the server knows {LAYOUT}");
                return Err(unusable(&why));
            }
        }
        Ok(Self(connection))
    }

    pub(super) fn meta(&self) -> rusqlite::Result<Meta> {
        self.0.query_row("SELECT epoch, reserved, forgotten, clean FROM meta", [], |row| {
            let epoch = Epoch::from_bits(row.get(0)?);
            Ok(Meta { epoch, reserved: row.get(1)?, forgotten: row.get(2)?, clean: row.get(3)? })
        })
    }

    pub(super) fn topics(&self) -> rusqlite::Result<Vec<TopicRow>> {
        let mut select = self.0.prepare("SELECT id, name, removed, volatile FROM topics")?;
        let rows = select.query_map([], |row| {
            Ok(TopicRow { id: row.get(0)?, name: row.get(1)?, removed: row.get(2)?, volatile: row.get(3)? })
        })?;
        rows.collect()
    }

    /// Every record in log order.
    pub(super) fn each_record(&self, mut see: impl FnMut(RecordRow)) -> rusqlite::Result<()> {
        let mut select =
            self.0.prepare("SELECT seq, topic, time, length(frame) FROM records ORDER BY seq")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            see(RecordRow { seq: row.get(0)?, topic: row.get(1)?, time: row.get(2)?, bytes: row.get(3)? });
        }
        Ok(())
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
        self.0.prepare_cached("INSERT INTO records VALUES (?, ?, ?, ?)").map(Inserts)
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

    pub(super) fn set_meta(&self, reserved: u64, clean: bool) -> rusqlite::Result<()> {
        self.execute("UPDATE meta SET reserved = ?, clean = ?", (reserved, clean))
    }
}

/// The statement that inserts a record.
pub(super) struct Inserts<'a>(CachedStatement<'a>);

impl Inserts<'_> {
    pub(super) fn insert(&mut self, topic: i64, record: &Record) -> rusqlite::Result<()> {
        self.0.execute((record.seq, topic, record.time, &record.frame[..])).map(drop)
    }
}

/// Time in milliseconds since 1970, and frame.
pub(super) type StoredFrame = (u64, Vec<u8>);

/// A connection that only reads. Sees what was committed before each [`Self::frames`].
#[derive(Debug)]
pub(super) struct Frames(Connection);

impl Frames {
    pub(super) fn open(file: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(file, flags).map(Self)
    }

    /// Time and frame of each record, `None` where there is no such record any more.
    pub(super) fn frames(
        &mut self,
        seqs: impl Iterator<Item = u64>,
    ) -> rusqlite::Result<Vec<Option<StoredFrame>>> {
        let snapshot = self.0.transaction()?;
        let mut select = snapshot.prepare_cached("SELECT time, frame FROM records WHERE seq = ?")?;
        seqs.map(|seq| select.query_row([seq], |row| Ok((row.get(0)?, row.get(1)?))).optional()).collect()
    }
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    let epoch = Epoch::from_bits(fastrand::u64(..)).to_bits();
    transaction.execute("INSERT INTO meta VALUES (1, ?, 0, 1, 0)", [epoch])?;
    transaction.pragma_update(None, "user_version", LAYOUT)?;
    transaction.commit()
}

fn unusable(why: &str) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_MISMATCH);
    rusqlite::Error::SqliteFailure(code, Some(why.into()))
}
