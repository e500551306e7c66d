//! The log on disk: SQLite in a folder of its own, one thread that writes, an index in memory.

mod backup;
mod checksum;
mod contents;
mod files;
mod folder;
mod frames;
mod free_space;
mod group;
mod layout;
mod migrate;
mod parts;
mod purge;
mod read_only;
mod readers;
mod recent;
mod restore;
mod restore_backup;
mod scan;
mod shared;
mod store;
mod verify;
mod wal;
mod writer;

use std::future::ready;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use futures_core::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

pub use backup::{BackupReport, backup_log};
pub use contents::LogContents;
pub use read_only::LogFileError;
pub use restore_backup::restore_log;
pub use verify::{Damage, LogCheck, verify_file, verify_log};

use super::Log;
use super::append::{AppendError, AppendReceipt, Batch};
use super::epochs::Epochs;
use super::index::Plan;
use super::read::{Page, Read, ReadError, ReadMode, TopicList, TopicSummary};
use super::record::Record;
use super::tail::Tail;
use super::topic_index::Wanted;
use crate::policy::Policies;
use crate::selectors::Selectors;
use crate::start::Seek;
use folder::Folder;
use frames::Fetched;
use free_space::FreeSpace;
use group::Request;
use parts::Meta;
use readers::Readers;
use restore::{Restored, restore};
use shared::Shared;
use store::Store;
use writer::Writer;

/// Batches that wait for the writing thread; further publishers wait before they are let in.
const WAITING_BATCHES: usize = 1024;

/// A log that survives the process. See `docs/decisions/0005-sqlite-log.md` for why it is SQLite.
#[derive(Debug)]
pub struct DiskLog {
    shared: Arc<Shared>,
    handle: Arc<WriterHandle>,
    readers: Arc<Readers>,
    _folder: Folder,
}

/// The way to the writing thread.
#[derive(Debug)]
struct WriterHandle {
    /// `None` once the log has been closed.
    requests: Mutex<Option<mpsc::Sender<Request>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Why a log could not be opened. The text says what to do, as far as that is known.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(String);

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl DiskLog {
    /// Opens the log in this folder, and makes both if they are not there. Takes time in proportion to the
    /// records: about half a second for a million.
    pub fn open(folder: &Path, policies: Policies) -> Result<Self, OpenError> {
        let folder = Folder::take(folder)?;
        let free = policies.limits().free;
        let file = folder.log_file();
        let wal = folder.write_ahead_log();
        let (had_file, had_wal) = (file.exists(), wal.exists());
        let damaged = had_wal && wal::is_damaged(&wal)?;
        let store = Store::open(&file).map_err(unreadable)?;
        folder.sync()?;
        // What was killed leaves a write-ahead log.
        let meta = store.part::<Meta>().map_err(unreadable)?;
        let is_backup = meta.is_some_and(|meta| meta.backup);
        let wal_is_lost = had_file && !had_wal && !is_backup && meta.is_some_and(|meta| !meta.clean);
        let lost = damaged || wal_is_lost || is_backup;
        let restored = restore(&store, policies, lost).map_err(unreadable)?;
        let Restored { meta, epochs, durable_head, index, repairs } = restored;
        tracing::info!(epoch = %epochs.current(), head = index.head(), clean = meta.clean, "log opened");
        if damaged || wal_is_lost {
            let what = if damaged { "is damaged" } else { "is missing" };
            tracing::warn!(
                file = %wal.display(),
                "a file of the log {what}: acknowledged events may be lost; readers from before are told by a gap"
            );
        }
        if is_backup {
            tracing::warn!(
                "the log is a backup: readers are told by a gap of what was published after it was made"
            );
        }
        let shared = Arc::new(Shared::new(epochs, durable_head, index));
        let free_space = FreeSpace::of(folder.path().to_owned(), free);
        let files = [file.clone(), wal];
        let writer = Writer::new(store, Arc::clone(&shared), meta, repairs, free_space, files)
            .map_err(|error| OpenError(format!("it cannot be written: {error}")))?;
        let (requests, receiver) = mpsc::channel(WAITING_BATCHES);
        let thread = spawn(writer, receiver)?;
        let readers = Arc::new(Readers::open(file, meta.unchecked_to).map_err(unreadable)?);
        let handle = WriterHandle { requests: Mutex::new(Some(requests)), thread: Mutex::new(Some(thread)) };
        Ok(Self { shared, handle: Arc::new(handle), readers, _folder: folder })
    }
}

impl WriterHandle {
    /// Stores what waits, and leaves the file clean. Blocks until that is done.
    fn close(&self) {
        drop(self.requests.lock().take());
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the writing thread had panicked");
        }
    }
}

impl Drop for DiskLog {
    fn drop(&mut self) {
        self.handle.close();
    }
}

impl Log for DiskLog {
    fn epochs(&self) -> &Epochs {
        &self.shared.epochs
    }

    fn head(&self) -> u64 {
        self.shared.state().index.head()
    }

    fn durable_head(&self) -> u64 {
        self.shared.durable_head()
    }

    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<AppendReceipt, AppendError>> {
        let requests = self.handle.requests.lock().clone();
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let requests = requests.ok_or(AppendError::Closed)?;
            let gone = || AppendError::Unavailable("the writing thread is gone, restart the server".into());
            let frame_bytes = batch.frame_bytes()?;
            requests.send(Request { batch, frame_bytes, reply }).await.map_err(|_| gone())?;
            drop(requests);
            answer.await.unwrap_or_else(|_| Err(AppendError::Unknown("the writing thread is gone".into())))
        })
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Page, ReadError>> {
        let mut plan = self.shared.state().index.plan(&read);
        if let Some(page) = self.readers.remembered(&mut plan) {
            return Box::pin(ready(Ok(page)));
        }
        let (shared, readers) = (Arc::clone(&self.shared), Arc::clone(&self.readers));
        Box::pin(async move {
            let turn = readers.turn().await;
            // Others may have read the same meanwhile.
            if let Some(page) = readers.remembered(&mut plan) {
                return Ok(page);
            }
            let fetched = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                readers.fetch(&shared, &read, plan)
            });
            fetched.await.map_err(|error| ReadError(error.to_string()))?
        })
    }

    fn tail(&self) -> (Tail, u64) {
        let state = self.shared.state();
        (state.announcer.tail(), state.index.head())
    }

    fn seek(&self, selectors: Selectors, seek: Seek) -> BoxFuture<'static, Result<u64, ReadError>> {
        let found = self.shared.state().index.seek(&selectors, seek);
        if let Some(seq) = found {
            return Box::pin(ready(Ok(seq)));
        }
        let (shared, readers) = (Arc::clone(&self.shared), Arc::clone(&self.readers));
        Box::pin(async move {
            let turn = readers.turn().await;
            let found = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                readers.seek(&shared, &selectors, seek)
            });
            found.await.map_err(|error| ReadError(error.to_string()))?
        })
    }

    fn topic_count(&self) -> BoxFuture<'static, Result<usize, ReadError>> {
        Box::pin(ready(Ok(self.shared.state().index.topic_count())))
    }

    fn topics(&self, list: TopicList) -> BoxFuture<'static, Result<Vec<TopicSummary>, ReadError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { Ok(list.collect(|part| shared.state().index.summaries(part)).await) })
    }

    fn health(&self) -> BoxFuture<'static, Result<(), AppendError>> {
        let (failed, is_full) = {
            let state = self.shared.state();
            (state.failed.clone().or_else(|| state.missing.clone()), state.is_full)
        };
        let closed = self.handle.requests.lock().is_none();
        Box::pin(ready(match failed {
            Some(why) => Err(AppendError::Unavailable(why)),
            None if closed => Err(AppendError::Closed),
            None if is_full => Err(AppendError::Full),
            None => Ok(()),
        }))
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        let handle = Arc::clone(&self.handle);
        Box::pin(async move {
            if let Err(error) = tokio::task::spawn_blocking(move || handle.close()).await {
                tracing::error!(%error, "the log was not closed");
            }
        })
    }
}

impl Plan {
    /// The page, if all of it is in memory.
    fn in_memory(&self) -> Option<Page> {
        let records = self.wanted.iter().map(|wanted| wanted.record.clone());
        let records = records.collect::<Option<_>>()?;
        Some(Page { records, complete_to: self.complete_to, lost: self.lost, removals: self.removals })
    }

    /// The page, with what was on disk. What is damaged is left out: at its beginning the page says so, and before a later
    /// one it ends, so that a reader is told where it stands.
    fn filled(self, frames: Vec<Fetched>, mode: ReadMode) -> Page {
        let Self { wanted, mut complete_to, mut lost, removals } = self;
        let (mut frames, mut records) = (frames.into_iter(), Vec::with_capacity(wanted.len()));
        for Wanted { topic, seq, record, .. } in wanted {
            let record = record.or_else(|| match frames.next() {
                Some(Fetched::Frame((time, frame))) => {
                    let frame = frame.into();
                    Some(Arc::new(Record { seq, topic, time, in_memory: false, topic_id: 0, frame }))
                }
                _ => None,
            });
            match record {
                Some(record) => records.push(record),
                None if mode == ReadMode::LastValues => {}
                None if records.is_empty() => lost.damaged = true,
                None => {
                    complete_to = seq - 1;
                    break;
                }
            }
        }
        Page { records, complete_to, lost, removals }
    }
}

/// Starts the writing thread.
fn spawn(writer: Writer, requests: mpsc::Receiver<Request>) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let run = move || runtime.block_on(writer.run(requests));
    std::thread::Builder::new().name("log".into()).spawn(run)
}

fn unreadable(error: rusqlite::Error) -> OpenError {
    OpenError(format!("its log cannot be read: {error}"))
}

#[cfg(test)]
mod tests;
