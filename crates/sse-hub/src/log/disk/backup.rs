//! Copies a log while a server writes to it.
//!
//! A record is never changed, and each one gets a seq above all others, so records are copied in log order, some thousands
//! at a time, each time as of now. The last of them and the small tables, which say what is kept, are read as of one
//! moment: the copy is the log as it was then. What was removed while it was made is taken out of it at the end.
//!
//! A copy as of one moment throughout (`VACUUM INTO`, SQLite's online backup in one step) keeps the write-ahead log from
//! being emptied: with 0.5 GB and a server that writes all it can, it grew by 70 to 150 MiB, which one commit has to move
//! afterwards while publishers wait. This way it stays at 17 MiB, as without a backup. The online backup in many steps
//! begins again with each commit, and would not end.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::types::ToSqlOutput;

use super::checksum::is_damage;
use super::contents::LogContents;
use super::folder::sync_names;
use super::layout::{LAYOUT, TABLES, create};
use super::parts::Meta;
use super::read_only::{LogFileError, beside, log_in, read};
use super::scan::StoredRecord;
use super::store::{Store, Write};

/// Records read at a time. Takes some ten milliseconds, in which the write-ahead log is not emptied.
const RECORDS_AT_A_TIME: usize = 4096;
/// Pause between two such reads; they are no further apart than they take.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// How often the newest record is looked up. Each time there is less to copy, unless publishers are faster than that.
const ROUNDS: usize = 8;
/// Removed while the copy was made.
const DELETE_REMOVED: &str =
    "DELETE FROM records WHERE seq <= (SELECT max(since, removed) FROM topics WHERE id = topic)";

/// What was backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    /// What the backup has.
    pub contents: LogContents,
    /// Places where records could not be read. They are not in the backup, whose readers are told by a gap there.
    pub unreadable: usize,
}

/// Copies the log in `folder` into `file`, which must not exist, while a server runs or not. Changes nothing in the folder.
/// When `file` is there, it is whole and durable. Blocks.
///
/// # Errors
/// What cannot be read or written, and what to do. Then there is no `file`.
pub fn backup_log(folder: &Path, file: &Path) -> Result<BackupReport, LogFileError> {
    let log = log_in(folder)?;
    let into = folder_of(file);
    if into.canonicalize().ok().is_some_and(|into| folder.canonicalize().is_ok_and(|folder| folder == into)) {
        return Err(LogFileError(format!(
            "{} would be lost together with the log; choose a place outside of {}",
            file.display(),
            folder.display()
        )));
    }
    let partial = PartialFile::create(file)?;
    let report = read(&log, |source| {
        let mut copy = Copy::begin(source, &log, &partial.path)?;
        copy.records_so_far()?;
        copy.rest()
    })?;
    partial.finish(file)?;
    Ok(report)
}

/// The folder that a file is in.
fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file under a temporary name, removed unless it is finished.
#[derive(Debug)]
pub(super) struct PartialFile {
    pub(super) path: PathBuf,
    is_finished: bool,
}

impl PartialFile {
    /// A new one, for a file that is not there.
    pub(super) fn create(file: &Path) -> Result<Self, LogFileError> {
        refuse_existing(file)?;
        let path = beside(file, ".partial");
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(_) => Ok(Self { path, is_finished: false }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(LogFileError(format!(
                "{} is there, of an earlier attempt that was killed or one that still runs; remove it if none runs",
                path.display()
            ))),
            Err(error) => Err(LogFileError::io("created", &path, &error)),
        }
    }

    /// Makes it durable, under its name.
    pub(super) fn finish(mut self, file: &Path) -> Result<(), LogFileError> {
        let unwritten = |error| LogFileError::io("written", file, &error);
        // Windows syncs what is open for writing.
        OpenOptions::new()
            .write(true)
            .open(&self.path)
            .and_then(|file| file.sync_all())
            .map_err(unwritten)?;
        refuse_existing(file)?;
        fs::rename(&self.path, file).map_err(unwritten)?;
        self.is_finished = true;
        sync_names(folder_of(file)).map_err(unwritten)
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.is_finished {
            // SQLite may have left a journal.
            for path in ["", "-journal", "-wal", "-shm"].map(|end| beside(&self.path, end)) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

fn refuse_existing(file: &Path) -> Result<(), LogFileError> {
    match file.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(LogFileError::io("created", file, &error)),
        Ok(_) => Err(LogFileError(format!("{} exists; choose another name, or remove it", file.display()))),
    }
}

/// A copy that is being made.
struct Copy<'a> {
    source: &'a Store,
    source_file: &'a Path,
    copy: Store,
    file: &'a Path,
    /// Seq of the last record that was copied.
    last: u64,
    unreadable: usize,
}

/// Which of the two files an error is of.
enum Side {
    Source(rusqlite::Error),
    Copy(rusqlite::Error),
}

impl<'a> Copy<'a> {
    fn begin(source: &'a Store, source_file: &'a Path, file: &'a Path) -> Result<Self, LogFileError> {
        let begin = || {
            // An earlier attempt may have left something.
            File::create(file).map_err(|error| LogFileError::io("written", file, &error))?;
            let made = || {
                let copy = Connection::open(file)?;
                // It is synced as a whole, under another name.
                copy.pragma_update(None, "journal_mode", "off")?;
                copy.pragma_update(None, "synchronous", "off")?;
                copy.execute_batch("BEGIN")?;
                TABLES.iter().try_for_each(|(table, _)| copy.execute_batch(&create(table)))?;
                Ok(copy)
            };
            made().map_err(|error| unwritten(file, &error))
        };
        Ok(Self { source, source_file, copy: Store(begin()?), file, last: 0, unreadable: 0 })
    }

    fn explain(&self, side: Side) -> LogFileError {
        match side {
            Side::Copy(error) => unwritten(self.file, &error),
            Side::Source(error) if is_damage(&error) => LogFileError(format!(
                "{} is damaged: {error}; `sse-server verify` says where. A restart of the server repairs its tables, and \
                 then it can be backed up",
                self.source_file.display()
            )),
            Side::Source(error) => LogFileError::unreadable(self.source_file, &error),
        }
    }

    /// Records that are there by now.
    fn records_so_far(&mut self) -> Result<(), LogFileError> {
        for _ in 0..ROUNDS {
            let newest = self.source.newest_record().map_err(|error| self.explain(Side::Source(error)))?;
            if newest <= self.last {
                break;
            }
            while self.last < newest {
                let began = Instant::now();
                if !self.records().map_err(|side| self.explain(side))? {
                    break;
                }
                // In which a server that writes can empty its write-ahead log.
                std::thread::sleep(began.elapsed().min(LONGEST_PAUSE));
            }
        }
        Ok(())
    }

    /// Records that come next. `false` when there are no more.
    fn records(&mut self) -> Result<bool, Side> {
        let sql = "INSERT INTO records (seq, topic, time, expires, frame, sum) VALUES (?, ?, ?, ?, ?, ?)";
        let mut insert = self.copy.0.prepare_cached(sql).map_err(Side::Copy)?;
        let (before, mut written) = (self.last, Ok(()));
        let damages = self
            .source
            .records_after(before, RECORDS_AT_A_TIME, |record| {
                let StoredRecord { seq, topic, time, expires, frame, sum } = record;
                if written.is_ok() {
                    written = insert.execute((seq, topic, time, expires, frame, sum)).map(drop);
                }
                self.last = seq;
            })
            .map_err(Side::Source)?;
        self.unreadable += damages.len();
        written.map_err(Side::Copy)?;
        Ok(self.last > before)
    }

    /// What was added meanwhile, and everything that says what is kept, as of one moment.
    fn rest(mut self) -> Result<BackupReport, LogFileError> {
        self.snapshot().map_err(|side| self.explain(side))?;
        let (events, topics) = self.finish().map_err(|error| unwritten(self.file, &error))?;
        mark(&mut self.copy).map_err(|error| unwritten(self.file, &error))?;
        let contents = LogContents::of(&self.copy, self.file, events, topics)?;
        Ok(BackupReport { contents, unreadable: self.unreadable })
    }

    fn snapshot(&mut self) -> Result<(), Side> {
        // It begins with the first read, and ends when it is dropped.
        let _snapshot = self.source.0.unchecked_transaction().map_err(Side::Source)?;
        while self.records()? {}
        TABLES.iter().filter(|(table, _)| *table != "records").try_for_each(|(table, _)| self.table(table))
    }

    fn table(&self, table: &str) -> Result<(), Side> {
        let select = self.source.0.prepare(&format!("SELECT * FROM {table}"));
        let mut select = select.map_err(Side::Source)?;
        let columns = select.column_count();
        let places = vec!["?"; columns].join(", ");
        let insert = self.copy.0.prepare(&format!("INSERT INTO {table} VALUES ({places})"));
        let mut insert = insert.map_err(Side::Copy)?;
        let mut rows = select.query([]).map_err(Side::Source)?;
        while let Some(row) = rows.next().map_err(Side::Source)? {
            for column in 0..columns {
                let value = ToSqlOutput::Borrowed(row.get_ref(column).map_err(Side::Source)?);
                insert.raw_bind_parameter(column + 1, value).map_err(Side::Copy)?;
            }
            insert.raw_execute().map_err(Side::Copy)?;
        }
        Ok(())
    }

    /// Gives the number of events, and that of topics.
    fn finish(&self) -> rusqlite::Result<(u64, u64)> {
        let copy = &self.copy.0;
        copy.execute(DELETE_REMOVED, [])?;
        copy.pragma_update(None, "user_version", LAYOUT)?;
        let count = |sql| copy.query_row(sql, [], |row| row.get(0));
        let events = count("SELECT count(*) FROM records")?;
        let topics = count("SELECT count(*) FROM topics WHERE name <> ''")?;
        copy.execute_batch("COMMIT")?;
        Ok((events, topics))
    }
}

/// Notes in a copy that it is one, so that the next start with it stores a loss. Where that note cannot be read, a start does
/// so too.
pub(super) fn mark(copy: &mut Store) -> rusqlite::Result<()> {
    let Some(meta) = copy.part::<Meta>()? else { return Ok(()) };
    let write = Write(copy.0.transaction()?);
    write.set_part(&Meta { backup: true, ..meta })?;
    write.0.commit()
}

fn unwritten(file: &Path, error: &rusqlite::Error) -> LogFileError {
    LogFileError(format!("{} cannot be written: {error}", file.display()))
}
