//! The cursor file: the place from which the next run goes on. Stored so that a crash leaves the old place or the
//! new one, never half of one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sse_client::EventId;

/// Larger files are none of ours: an id is at most as long as a line of the stream.
const MAX_BYTES: u64 = 32 << 20;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The id to resume from; empty when there was none yet.
    pub(crate) id: String,
    /// Length of the output file up to this place, with --output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output_bytes: Option<u64>,
}

/// A cursor file.
#[derive(Debug)]
pub(crate) struct Cursor {
    path: PathBuf,
    stored: Option<Place>,
    /// Held for as long as the run; given back by the system, however the run ends.
    _lock: File,
}

impl Cursor {
    /// Reads the file, if there is one, and keeps other runs away from it.
    ///
    /// # Errors
    /// When it cannot be read, is not a cursor file, or another run keeps its place in it.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let lock = lock(path)?;
        let stored = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("cannot read the cursor {shown}")),
            Ok(data) if !data.is_file() || data.len() > MAX_BYTES => {
                anyhow::bail!("{shown} is not a cursor file")
            }
            Ok(_) => {
                let text = fs::read(path).with_context(|| format!("cannot read the cursor {shown}"))?;
                let place: Place = serde_json::from_slice(&text).with_context(|| {
                    format!("{shown} is not a cursor file; name another file, or remove it to start anew")
                })?;
                Some(place)
            }
        };
        Ok(Self { path: path.to_owned(), stored, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The place stored last.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.stored.as_ref()
    }

    /// The id to resume from; `None` when no run has come to one yet.
    ///
    /// # Errors
    /// When no stream can have given that id.
    pub(crate) fn id(&self) -> anyhow::Result<Option<EventId>> {
        let id = self.stored.as_ref().map(|place| place.id.as_str()).filter(|id| !id.is_empty());
        id.map(EventId::new).transpose().with_context(|| format!("{} holds no id", self.path.display()))
    }

    /// Stores the place, durably. Does nothing if it is the one stored last.
    ///
    /// # Errors
    /// When the disk fails; then the old place or the new one is in the file.
    pub(crate) fn store(&mut self, place: Place) -> anyhow::Result<()> {
        if self.stored.as_ref() == Some(&place) {
            return Ok(());
        }
        self.replace(&place).with_context(|| format!("cannot store the cursor {}", self.path.display()))?;
        self.stored = Some(place);
        Ok(())
    }

    /// A file beside it, made durable, then put in its place, then the folder made durable.
    fn replace(&self, place: &Place) -> io::Result<()> {
        let name = beside(&self.path, ".new");
        let mut file = File::create(&name)?;
        file.write_all(format!("{}\n", serde_json::to_string(place)?).as_bytes())?;
        file.sync_all()?;
        fs::rename(&name, &self.path)?;
        sync_folder(&self.path)
    }
}

/// Locks a file beside the cursor that stays there, because the cursor itself is replaced again and again.
fn lock(path: &Path) -> anyhow::Result<File> {
    let name = beside(path, ".lock");
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(&name);
    let file = file.with_context(|| format!("cannot lock the cursor with {}", name.display()))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => anyhow::bail!(
            "{}: another run keeps its place in this cursor; stop it, or name another cursor file",
            path.display()
        ),
        // Some file systems have no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(suffix);
    name.into()
}

/// Windows has no such thing, and needs none.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
