//! `--cursor`: the file that stores where the next run resumes. A crash leaves the old position or the new one in it,
//! never half of one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sse_client::EventId;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Cursor")]
pub(crate) struct CursorArgs {
    /// Store the position in this file: the next run resumes after the last event of this one, and --since, --last and
    /// --last-event-id apply to the first run only. FILE.lock beside it keeps out a second run
    #[arg(long, value_name = "FILE")]
    pub(super) cursor: Option<PathBuf>,
}

/// A larger file is no cursor: an id is at most as long as a line of the stream.
const MAX_BYTES: u64 = 32 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Position {
    /// The id to resume from; empty before the first.
    pub(super) id: String,
    /// With --output: the length of the file at this position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) output_bytes: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) path: PathBuf,
    /// The position stored last.
    pub(super) position: Option<Position>,
    /// Held during the run; the system releases it however the run ends.
    _lock: File,
}

impl Cursor {
    /// Reads the file, if it exists, and locks out other runs.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let lock = lock(path)?;
        let position = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("cannot read the cursor {shown}")),
            Ok(data) if !data.is_file() || data.len() > MAX_BYTES => {
                anyhow::bail!("{shown} is not a cursor file")
            }
            Ok(_) => {
                let text = fs::read(path).with_context(|| format!("cannot read the cursor {shown}"))?;
                let remedy = "name another file, or remove this one to start over";
                let parsed = serde_json::from_slice(&text);
                Some(parsed.with_context(|| format!("{shown} is not a cursor file; {remedy}"))?)
            }
        };
        Ok(Self { path: path.to_owned(), position, _lock: lock })
    }

    /// The id to resume from; `None` before the first.
    pub(super) fn id(&self) -> anyhow::Result<Option<EventId>> {
        let id = self.position.as_ref().map(|position| position.id.as_str()).filter(|id| !id.is_empty());
        id.map(EventId::new)
            .transpose()
            .with_context(|| format!("{} contains an invalid id", self.path.display()))
    }

    /// Stores the position durably. On an error the file contains the old position or the new one.
    pub(super) fn store(&mut self, position: Position) -> anyhow::Result<()> {
        self.replace(&position)
            .with_context(|| format!("cannot store the cursor {}", self.path.display()))?;
        self.position = Some(position);
        Ok(())
    }

    /// Writes and syncs a new file, renames it over the old one, and syncs the folder.
    fn replace(&self, position: &Position) -> io::Result<()> {
        let name = beside(&self.path, ".new");
        let mut file = File::create(&name)?;
        file.write_all(format!("{}\n", serde_json::to_string(position)?).as_bytes())?;
        file.sync_all()?;
        fs::rename(&name, &self.path)?;
        sync_folder(&self.path)
    }
}

/// Locks a file beside the cursor, since the cursor itself is replaced on each store.
fn lock(path: &Path) -> anyhow::Result<File> {
    let name = beside(path, ".lock");
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(&name);
    let file = file.with_context(|| format!("cannot lock the cursor with {}", name.display()))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => anyhow::bail!(
            "{}: another run uses this cursor; stop it, or name another cursor file",
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

/// Not possible on Windows, and not needed there.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
