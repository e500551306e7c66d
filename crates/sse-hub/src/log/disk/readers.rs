//! Connections that read frames from the file: a few, in turns.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::shared::Shared;
use super::store::Frames;
use crate::log::index::Plan;
use crate::log::read::{Page, Read, ReadError};

/// Reads of the file at the same time. Each has a connection with a cache of 2 MiB.
const READERS: usize = 4;

/// Shared by everybody who reads.
#[derive(Debug)]
pub(super) struct Readers {
    file: PathBuf,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Frames>>,
}

impl Readers {
    /// Readers of this file. Nothing is opened yet.
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, turns: Arc::new(Semaphore::new(READERS)), idle: Mutex::default() }
    }

    /// Resolves when this read may go on, in the order of asking; to be held as long as it lasts.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // Never closed.
        Arc::clone(&self.turns).acquire_owned().await.ok()
    }

    /// Carries out a plan. What was removed since it was made is planned anew, so that the page says so.
    pub(super) fn fetch(&self, shared: &Shared, read: &Read, mut plan: Plan) -> Result<Page, ReadError> {
        let unreadable = |error: rusqlite::Error| ReadError(error.to_string());
        let idle = self.idle.lock().pop();
        let mut connection = idle.map_or_else(|| Frames::open(&self.file), Ok).map_err(unreadable)?;
        loop {
            let on_disk = plan.entries.iter().filter(|(_, entry)| entry.record.is_none());
            let frames = connection.frames(on_disk.map(|(_, entry)| entry.seq)).map_err(unreadable)?;
            if frames.iter().all(Option::is_some) {
                self.idle.lock().push(connection);
                return Ok(plan.filled(frames.into_iter().flatten()));
            }
            let planned = plan.entries.iter().filter(|(_, entry)| entry.record.is_none());
            let missing = planned.zip(&frames).find(|(_, frame)| frame.is_none());
            let missing = missing.map_or(0, |((_, entry), _)| entry.seq);
            plan = shared.state().index.plan(read);
            if plan.entries.iter().any(|(_, entry)| entry.seq == missing) {
                return Err(ReadError(format!("the record with seq {missing} is not in the file")));
            }
        }
    }
}
