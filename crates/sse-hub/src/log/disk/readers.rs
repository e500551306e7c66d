//! Connections that read frames from the file: a few, in turns.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::frames::{Fetched, Frames};
use super::recent::Recent;
use super::shared::Shared;
use crate::log::index::Plan;
use crate::log::read::{Page, Read, ReadError};

/// Reads of the file at the same time. Each has a connection with a cache of 2 MiB.
const READERS: usize = 4;

/// Most damaged records that the log tells of one by one.
const MAX_TOLD: usize = 1000;

/// Shared by everybody who reads.
#[derive(Debug)]
pub(super) struct Readers {
    file: PathBuf,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Frames>>,
    recent: Mutex<Recent>,
    /// Seqs of damaged records that were told of.
    damaged: Mutex<HashSet<u64>>,
}

impl Readers {
    /// Readers of this file, all of them open, so that they read on when the process is out of descriptors.
    pub(super) fn open(file: PathBuf) -> rusqlite::Result<Self> {
        let open = |_| {
            let mut connection = Frames::open(&file)?;
            // SQLite opens the write-ahead log at the first read.
            connection.frames([0].into_iter())?;
            Ok(connection)
        };
        let idle = (0..READERS).map(open).collect::<rusqlite::Result<_>>()?;
        Ok(Self {
            file,
            turns: Arc::new(Semaphore::new(READERS)),
            idle: Mutex::new(idle),
            recent: Mutex::default(),
            damaged: Mutex::default(),
        })
    }

    /// The page, if all of it is in memory.
    pub(super) fn remembered(&self, plan: &mut Plan) -> Option<Page> {
        self.recent.lock().fill(plan);
        plan.in_memory()
    }

    /// Resolves when this read may go on, in the order of asking; to be held as long as it lasts.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // Never closed.
        Arc::clone(&self.turns).acquire_owned().await.ok()
    }

    /// Carries out a plan. What was removed since it was made is planned anew, so that the page says so.
    pub(super) fn fetch(&self, shared: &Shared, read: &Read, plan: Plan) -> Result<Page, ReadError> {
        let idle = self.idle.lock().pop();
        let mut connection = idle.map_or_else(|| Frames::open(&self.file), Ok).map_err(unreadable)?;
        let page = carry_out(plan, read, shared, &mut connection, &self.damaged);
        self.idle.lock().push(connection);
        if let Ok(page) = &page {
            let mut recent = self.recent.lock();
            page.records.iter().filter(|record| !record.in_memory).for_each(|record| recent.keep(record));
        }
        page
    }
}

fn carry_out(
    mut plan: Plan,
    read: &Read,
    shared: &Shared,
    connection: &mut Frames,
    damaged: &Mutex<HashSet<u64>>,
) -> Result<Page, ReadError> {
    loop {
        let on_disk = plan.entries.iter().filter(|(_, entry)| entry.record.is_none());
        let frames = connection.frames(on_disk.map(|(_, entry)| entry.seq)).map_err(unreadable)?;
        let planned = plan.entries.iter().filter(|(_, entry)| entry.record.is_none());
        let fetched = planned.zip(&frames);
        let is_absent = |frame: &Fetched| matches!(frame, Fetched::Absent);
        let absent = fetched.clone().find(|(_, frame)| is_absent(frame)).map(|((_, entry), _)| entry.seq);
        if let Some(absent) = absent {
            let now = shared.state().index.plan(read);
            // Retention may have removed it meanwhile.
            if !now.entries.iter().any(|(_, entry)| entry.seq == absent) {
                plan = now;
                continue;
            }
        }
        for ((topic, entry), frame) in fetched.filter(|(_, frame)| !matches!(frame, Fetched::Frame(_))) {
            let mut told = damaged.lock();
            if told.len() < MAX_TOLD && told.insert(entry.seq) {
                let what = if is_absent(frame) { "missing" } else { "damaged" };
                tracing::error!(%topic, seq = entry.seq, "a stored event is {what}; its readers are told by a gap");
            }
        }
        return Ok(plan.filled(frames, read.mode));
    }
}

fn unreadable(error: rusqlite::Error) -> ReadError {
    ReadError(error.to_string())
}
