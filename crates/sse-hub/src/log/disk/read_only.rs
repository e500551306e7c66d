//! Opens the file of a log to read it, and changes nothing beside it: makes, moves or removes no write-ahead log, and
//! brings no layout up to date. Takes no lock that a server would wait for.
//!
//! With a write-ahead log beside the file, SQLite reads both; the log's index (`-shm`) is opened for reading only, and one
//! that a killed server left is replaced in memory. Without one, no server has the file open, and SQLite is told that
//! nobody writes to it, since otherwise it would make a write-ahead log. Should a server start in that time, the file has
//! changed at the end, and is read again.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::layout::LAYOUT;
use super::store::Store;

/// How often a file is read that a server begins to use, or ceases to, meanwhile.
const TRIES: usize = 3;

/// Why a log, or a copy of one, could not be backed up, restored or verified. The text says what, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LogFileError(pub(super) String);

impl LogFileError {
    /// `what` could not be done with a file.
    pub(super) fn io(what: &str, file: &Path, error: &io::Error) -> Self {
        Self(format!("{} cannot be {what}: {error}", file.display()))
    }

    pub(super) fn unreadable(file: &Path, error: &rusqlite::Error) -> Self {
        let file = file.display();
        Self(match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => format!("{file} is not an SQLite database"),
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                format!(
                    "{file} or a file beside it cannot be opened: do this as the user that the server runs as"
                )
            }
            _ => format!("{file} cannot be read: {error}"),
        })
    }
}

/// Files of a log as SQLite names them.
pub(super) fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// The file of the log in a folder, which is there.
pub(super) fn log_in(folder: &Path) -> Result<PathBuf, LogFileError> {
    let file = folder.join("log.sqlite");
    match found(&file)? {
        Some(_) => Ok(file),
        None => Err(LogFileError(format!("there is no log in {}", folder.display()))),
    }
}

/// Reads the file of a log. `act` may be called again, when what it had read was not of one time.
pub(super) fn read<T>(
    file: &Path,
    mut act: impl FnMut(&Store) -> Result<T, LogFileError>,
) -> Result<T, LogFileError> {
    for _ in 0..TRIES {
        let before = Unused::of(file)?;
        let done = open(file, before.is_some()).and_then(|store| act(&store));
        if before.is_none() || before == Unused::of(file)? {
            return done;
        }
    }
    let file = file.display();
    Err(LogFileError(format!("a server was started or stopped each time {file} was read; do this again")))
}

/// A file that no server has open: length, and when it was last written.
#[derive(Debug, PartialEq, Eq)]
struct Unused(u64, Option<SystemTime>);

impl Unused {
    /// `None` if a server has the file open, or had when it was killed.
    fn of(file: &Path) -> Result<Option<Self>, LogFileError> {
        let metadata = file.metadata().map_err(|error| LogFileError::io("read", file, &error))?;
        let found = |end| found(&beside(file, end));
        let (wal, shm) = (found("-wal")?, found("-shm")?);
        match (wal, shm) {
            (None, _) => {}
            (Some(wal), None) if wal.len() == 0 => {}
            (Some(_), Some(_)) => return Ok(None),
            (Some(_), None) => {
                let file = file.display();
                return Err(LogFileError(format!(
                    "{file} has a write-ahead log, and {file}-shm is missing, as in a copy of a folder: make that an empty \
                     file, or start the server on this folder once"
                )));
            }
        }
        Ok(Some(Self(metadata.len(), metadata.modified().ok())))
    }
}

fn found(file: &Path) -> Result<Option<Metadata>, LogFileError> {
    match file.metadata() {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LogFileError::io("read", file, &error)),
    }
}

fn open(file: &Path, unused: bool) -> Result<Store, LogFileError> {
    let unreadable = |error| LogFileError::unreadable(file, &error);
    let how = if unused { "immutable=1" } else { "readonly_shm=1" };
    let path = std::path::absolute(file).map_err(|error| LogFileError::io("read", file, &error))?;
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri(&path, how), flags).map_err(unreadable)?;
    let layout: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(unreadable)?;
    let file = file.display();
    match layout {
        LAYOUT => Ok(Store(connection)),
        1..LAYOUT => Err(LogFileError(format!(
            "{file} has layout {layout}, of an older version; start this version of the server once on a folder with it, \
             which brings it to layout {LAYOUT}"
        ))),
        0 => Err(LogFileError(format!("{file} is not a log of sse-server"))),
        _ => Err(LogFileError(format!(
            "{file} has layout {layout}, this version knows {LAYOUT}; use the version of the server that wrote it"
        ))),
    }
}

/// An absolute path as SQLite takes it with parameters.
pub(super) fn uri(path: &Path, how: &str) -> String {
    let path = path.as_os_str().as_encoded_bytes();
    let drive = if path.starts_with(b"/") { "" } else { "/" };
    let mut uri = format!("file://{drive}");
    for byte in path {
        match byte {
            b'\\' if cfg!(windows) => uri.push('/'),
            b'/' | b':' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            byte => uri += &format!("%{byte:02X}"),
        }
    }
    uri + "?mode=ro&" + how
}
