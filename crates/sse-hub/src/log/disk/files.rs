//! Notices when a file of the log is removed or replaced while it is in use: writes would still succeed, and go nowhere.

use std::io;
use std::path::{Path, PathBuf};

/// The files as they were when the log was opened.
#[derive(Debug)]
pub(super) struct Files(Vec<(PathBuf, Identity)>);

impl Files {
    pub(super) fn of(paths: impl IntoIterator<Item = PathBuf>) -> io::Result<Self> {
        let identified = |path: PathBuf| identity(&path).map(|identity| (path, identity));
        paths.into_iter().map(identified).collect::<io::Result<_>>().map(Self)
    }

    pub(super) fn main(&self) -> &Path {
        self.0.first().map_or(Path::new(""), |(path, _)| path)
    }

    pub(super) fn write_ahead_log(&self) -> &Path {
        self.0.last().map_or(Path::new(""), |(path, _)| path)
    }

    /// Are all of them where they were? The error says which is not.
    pub(super) fn check(&self) -> Result<(), String> {
        let changed = self.0.iter().find(|(path, before)| identity(path).ok().as_ref() != Some(before));
        match changed {
            None => Ok(()),
            Some((path, _)) => {
                Err(format!("{} was removed or replaced; put it back, or restart the server", path.display()))
            }
        }
    }
}

#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    path.metadata().map(|file| (file.dev(), file.ino()))
}

/// Elsewhere a file in use cannot be replaced.
#[cfg(not(unix))]
type Identity = ();

#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<Identity> {
    path.metadata().map(drop)
}
