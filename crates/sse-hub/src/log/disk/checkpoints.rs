//! Checkpoints: moves the write-ahead log into the main file, on a thread of its own, so that no publisher waits for it.
//!
//! Which write-ahead log belongs to the main file is noted in it before each checkpoint: see [`Bound`]. SQLite itself takes any
//! that it finds, one of another copy too, and mixes their pages.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

use super::parts::{Meta, Part};
use super::read_only::uri;
use super::store::Store;
use super::wal::{self, Wal};

/// Pages of the write-ahead log after which they are moved: about 16 MiB.
const CHECKPOINT_PAGES: i32 = 3900;
/// Pages after which publishers wait for it: about 128 MiB.
const MOST_PAGES: i32 = 32_000;

/// The write-ahead log that is, or was, moved into this main file: its salt, which grows by one with each that follows, and its
/// frames before this was noted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bound {
    salt: u32,
    frames: u32,
}

impl Part for Bound {
    const NAME: &'static str = "wal";
}

impl Bound {
    /// Was the write-ahead log begun again once since?
    pub(super) fn comes_before(self, found: Wal) -> bool {
        found.salt == self.salt.wrapping_add(1)
    }
}

/// What the main file noted when a write-ahead log with a salt of its own was begun, which SQLite draws after each clean stop. The
/// log itself says this: the main file does not know the salt before the first checkpoint, in which the power may go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun(pub(super) Bound);

impl Part for Begun {
    const NAME: &'static str = "begun";
}

/// What a write-ahead log that was found is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It goes on from the main file, as far as can be told.
    Ours,
    /// It belongs to another copy; without it, the main file is what a clean stop has left.
    ForeignBesideWhole,
    /// It belongs to another copy, and that of the main file is missing.
    Foreign,
}

/// Looks whether a write-ahead log belongs to the main file, before SQLite takes it.
pub(super) fn look_at(file: &Path, found: Wal) -> Found {
    // The file and nothing beside it.
    let read_alone = || -> rusqlite::Result<(Option<Bound>, Option<Meta>)> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let alone = Store(Connection::open_with_flags(uri(&path, "immutable=1"), flags)?);
        Ok((alone.part()?, alone.part()?))
    };
    // Of an older layout, or damaged: that is found later.
    let Ok((Some(bound), meta)) = read_alone() else { return Found::Ours };
    let is_ours = match found.salt.wrapping_sub(bound.salt) {
        0 => found.frames > bound.frames,
        1 => true,
        _ => was_begun_here(file, found, bound).unwrap_or(false),
    };
    match meta {
        _ if is_ours => Found::Ours,
        Some(Meta { clean: true, .. }) => Found::ForeignBesideWhole,
        _ => Found::Foreign,
    }
}

/// Was this write-ahead log begun on the main file, which says `bound`, and has it not been begun again since?
fn was_begun_here(file: &Path, found: Wal, bound: Bound) -> rusqlite::Result<bool> {
    let both = Store(Connection::open(file)?);
    // Only looks: nothing may be moved.
    both.0.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let (begun, noted) = (both.part::<Begun>()?, both.part::<Bound>()?);
    let is_noted = noted.is_some_and(|noted| noted.salt == found.salt || noted == bound);
    Ok(begun == Some(Begun(bound)) && is_noted)
}

/// The thread, and what the writing thread knows of the write-ahead log.
#[derive(Debug)]
pub(super) struct Checkpoints {
    wal: PathBuf,
    /// Its pages as of the last commit.
    pages: Arc<AtomicI32>,
    under_way: Arc<AtomicBool>,
    wishes: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    pub(super) fn start(store: &mut Store, file: &Path, wal: PathBuf) -> rusqlite::Result<Self> {
        let (pages, under_way) = (Arc::new(AtomicI32::new(0)), Arc::new(AtomicBool::new(false)));
        let seen = Arc::clone(&pages);
        store.0.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        let mover = Connection::open(file)?;
        // Needed at the first read, when the process may be out of descriptors.
        mover.query_row("SELECT count(*) FROM parts", [], |_| Ok(()))?;
        let (wishes, received) = sync_channel(1);
        let done = Arc::clone(&under_way);
        let run = move || {
            while received.recv().is_ok() {
                if let Err(error) = mover.pragma_update(None, "wal_checkpoint", "passive") {
                    tracing::debug!(%error, "the write-ahead log was not moved");
                }
                done.store(false, Ordering::Release);
            }
        };
        let thread = std::thread::Builder::new().name("checkpoints".into()).spawn(run);
        let thread = thread.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        Ok(Self { wal, pages, under_way, wishes: Some(wishes), thread: Some(thread) })
    }

    /// What a commit is to note, so that a checkpoint can begin after it.
    pub(super) fn to_note(&self) -> Option<Bound> {
        let is_due = self.pages() >= CHECKPOINT_PAGES && !self.under_way.load(Ordering::Acquire);
        is_due.then(|| self.bound()).flatten()
    }

    /// The write-ahead log as it is now.
    pub(super) fn bound(&self) -> Option<Bound> {
        let frames = u32::try_from(self.pages()).unwrap_or(0);
        Some(Bound { salt: wal::salt(&self.wal)?, frames })
    }

    /// A commit has noted that: begins a checkpoint, unless the commit has begun another write-ahead log. If it has grown too
    /// much, waits until it is moved.
    pub(super) fn committed(&self, noted: Option<Bound>, store: &Store) {
        let is_same =
            |bound: &Bound| self.pages() >= CHECKPOINT_PAGES && wal::salt(&self.wal) == Some(bound.salt);
        if let (Some(wishes), Some(_)) = (&self.wishes, noted.filter(is_same)) {
            self.under_way.store(true, Ordering::Release);
            // Only one is asked for at a time.
            let _ = wishes.try_send(());
        }
        if self.pages() >= MOST_PAGES && !self.under_way.load(Ordering::Acquire) {
            let _ = store.checkpoint_in_use();
        }
    }

    pub(super) fn pages(&self) -> i32 {
        self.pages.load(Ordering::Relaxed)
    }

    /// Waits for what is under way, and ends.
    pub(super) fn end(&mut self) {
        drop(self.wishes.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
