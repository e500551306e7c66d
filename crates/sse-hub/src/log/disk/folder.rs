//! The data folder: made if need be, and held by one process at a time. Knows no tables.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::open_error::OpenError;

/// A folder that this process alone uses, until it is dropped or the process ends in any way.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes the folder.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(path)?;
        let lock = File::create(path.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse,
            TryLockError::Error(error) => error.into(),
        })?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file that the records are in.
    pub(super) fn log_file(&self) -> PathBuf {
        self.path.join("log.sqlite")
    }

    /// The file that SQLite keeps beside it for what is not in it yet.
    pub(super) fn write_ahead_log(&self) -> PathBuf {
        self.path.join("log.sqlite-wal")
    }

    /// Gives a file another name, so that it is out of the way and can still be looked at.
    pub(super) fn put_aside(&self, file: &Path) -> io::Result<()> {
        let aside =
            (1..).map(|nth| file.with_extension(format!("sqlite-wal.{nth}"))).find(|name| !name.exists());
        aside.map_or(Ok(()), |aside| fs::rename(file, aside))
    }

    /// Makes the names in the folder durable, and the folder's own name.
    pub(super) fn sync(&self) -> io::Result<()> {
        sync_names(&self.path)?;
        match self.path.canonicalize()?.parent() {
            Some(parent) => sync_names(parent),
            None => Ok(()),
        }
    }
}

/// Makes the names in a folder durable. Windows cannot open a folder as a file; NTFS journals names by itself.
pub(super) fn sync_names(folder: &Path) -> io::Result<()> {
    if cfg!(windows) { Ok(()) } else { File::open(folder)?.sync_all() }
}
