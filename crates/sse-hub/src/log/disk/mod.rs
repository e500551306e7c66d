//! The log on disk: SQLite in a folder of its own, one thread that writes, an index in memory.

mod backup;
mod checkpoints;
mod checksum;
mod contents;
mod files;
mod folder;
mod frames;
mod free_space;
mod group;
mod health;
mod layout;
mod leaving;
mod migrate;
mod open_error;
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
use std::time::Instant;

use futures_core::future::BoxFuture;
use parking_lot::Mutex;
use sse_core::Topic;
use tokio::sync::{mpsc, oneshot};

pub use backup::{BackupReport, backup_log};
pub use contents::LogContents;
pub use read_only::LogFileError;
pub use restore_backup::restore_log;
pub use verify::{Damage, LogCheck, verify_file, verify_log};

use super::Log;
use super::append::{AppendError, AppendReceipt, Batch, Deleted};
use super::epochs::Epochs;
use super::figures::LogFigures;
use super::index::Plan;
use super::log_time::Reading;
use super::read::{Page, Read, ReadError, ReadMode, TopicList, TopicSummary};
use super::tail::Tail;
use crate::interest::Interest;
use crate::policy::Policies;
use crate::selectors::Selectors;
use crate::start::Seek;
use checkpoints::{Begun, Bound, Found};
use folder::Folder;
use frames::Fetched;
use free_space::FreeSpace;
use group::{Append, Change, Request};
use migrate::bring_up_to_date;
pub use open_error::OpenError;
use parts::Meta;
use readers::Readers;
use restore::{Restored, restore};
use shared::Shared;
use store::Store;
use wal::Wal;
use writer::Writer;

/// Batches that wait for the writing thread; further publishers wait before they are let in.
const WAITING_BATCHES: usize = 1024;

/// A log that survives the process. See `docs/decisions/0005-sqlite-log.md` for why it is SQLite.
#[derive(Debug)]
pub struct DiskLog {
    shared: Arc<Shared>,
    handle: Arc<WriterHandle>,
    readers: Arc<Readers>,
    folder: Folder,
}

/// The way to the writing thread.
#[derive(Debug)]
struct WriterHandle {
    /// `None` once the log has been closed.
    requests: Mutex<Option<mpsc::Sender<Request>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl DiskLog {
    /// Opens the log in this folder, and makes both if they are not there. Takes time in proportion to the
    /// records: about half a second for a million.
    pub fn open(folder: &Path, policies: Policies) -> Result<Self, OpenError> {
        let folder = Folder::take(folder)?;
        let free = policies.limits().free;
        let file = folder.log_file();
        let wal = folder.write_ahead_log();
        let had_file = file.exists();
        let (found, mut is_lost, mut problem) = look_at_files(&folder)?;
        let mut store = Store::open(&file).map_err(|error| unreadable(&file, &error))?;
        bring_up_to_date(&mut store).map_err(|error| unreadable(&file, &error))?;
        folder.sync()?;
        // What was killed leaves a write-ahead log.
        let meta = store.part::<Meta>().map_err(|error| unreadable(&file, &error))?;
        if had_file && found.frames == 0 && !is_lost && store.is_shorter_than(&file) {
            (is_lost, problem) =
                (true, "cannot be all that there was, since log.sqlite is longer than it says");
        }
        let is_backup = meta.is_some_and(|meta| meta.backup);
        let is_unclean = meta.is_some_and(|meta| !meta.clean && !meta.backup);
        let bound = store.part::<Bound>().map_err(|error| unreadable(&file, &error))?;
        let was_moved = found.is_begun_again && bound.is_some_and(|bound| bound.comes_before(found));
        if had_file && found.frames == 0 && !is_lost && is_unclean && !was_moved {
            (is_lost, problem) = (true, "is missing");
        }
        let restored =
            restore(&store, policies, is_lost || is_backup).map_err(|error| unreadable(&file, &error))?;
        let Restored { meta, epochs, durable_head, index, mut repairs } = restored;
        if found.frames == 0 {
            repairs.begun = bound.map(Begun);
        }
        tracing::info!(epoch = %epochs.current(), head = index.head(), clean = meta.clean, "log opened");
        if is_lost {
            tracing::warn!(
                file = %wal.display(),
                "a file of the log {problem}: acknowledged events may be lost; readers from before are told by a gap"
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
            .map_err(|error| unusable(&file, "written", &error))?;
        let (requests, receiver) = mpsc::channel(WAITING_BATCHES);
        let thread = spawn(writer, receiver)?;
        let readers = Arc::new(Readers::open(file.clone()).map_err(|error| unreadable(&file, &error))?);
        let handle = WriterHandle { requests: Mutex::new(Some(requests)), thread: Mutex::new(Some(thread)) };
        Ok(Self { shared, handle: Arc::new(handle), readers, folder })
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
        let (requests, published) = (self.handle.requests.lock().clone(), Instant::now());
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let requests = requests.ok_or(AppendError::Closed)?;
            let gone = || AppendError::Unavailable("the writing thread is gone, restart the server".into());
            let frame_bytes = batch.frame_bytes()?;
            let append = Append { batch, frame_bytes, published, reply };
            requests.send(Request::Append(append)).await.map_err(|_| gone())?;
            drop(requests);
            answer.await.unwrap_or_else(|_| Err(AppendError::Unknown("the writing thread is gone".into())))
        })
    }

    fn delete(&self, topic: Topic) -> BoxFuture<'static, Result<Option<Deleted>, AppendError>> {
        let requests = self.handle.requests.lock().clone();
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let requests = requests.ok_or(AppendError::Closed)?;
            let gone = || AppendError::Unavailable("the writing thread is gone, restart the server".into());
            requests.send(Request::Change(Change::Delete { topic, reply })).await.map_err(|_| gone())?;
            drop(requests);
            answer.await.unwrap_or_else(|_| Err(gone()))
        })
    }

    fn closes(&self) -> u64 {
        self.shared.closes()
    }

    fn end(&self, selectors: &Selectors) -> Option<u64> {
        self.shared.state().index.end(selectors)
    }

    fn set_interest(&self, interest: Interest) {
        self.shared.state().index.set_interest(interest);
    }

    fn set_policies(&self, policies: Policies) -> BoxFuture<'static, Option<usize>> {
        let requests = self.handle.requests.lock().clone();
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            requests?.send(Request::Change(Change::Policies { policies, reply })).await.ok()?;
            answer.await.ok()
        })
    }

    fn touch(&self, selectors: &Selectors) {
        self.shared.state().index.touch(selectors, Reading::now());
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Page, ReadError>> {
        let planned = self.shared.state().index.plan(&read);
        let planned = match self.readers.remembered(planned) {
            Ok(page) => return Box::pin(ready(Ok(page))),
            Err(planned) => planned,
        };
        let (shared, readers) = (Arc::clone(&self.shared), Arc::clone(&self.readers));
        Box::pin(async move {
            let turn = readers.turn(&read.selectors).await;
            // Others may have read the same meanwhile.
            let planned = match readers.remembered(planned) {
                Ok(page) => return Ok(page),
                Err(planned) => planned,
            };
            let fetched = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                readers.fetch(&shared, &read, planned)
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
            let turn = readers.turn(&selectors).await;
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

    fn figures(&self) -> LogFigures {
        let files = [self.folder.log_file(), self.folder.write_ahead_log()];
        let file_bytes = files.map(|file| file.metadata().map_or(0, |file| file.len()));
        LogFigures { groups: self.shared.groups().clone(), file_bytes, ..self.shared.state().index.figures() }
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
    /// The page, with what was on disk. What is damaged is left out: at its beginning the page says so, and before a later
    /// one it ends, so that a reader is told where it stands.
    fn filled(self, frames: Vec<Fetched>, mode: ReadMode) -> Page {
        let Self { wanted, mut complete_to, mut lost, removals, now } = self;
        let (mut frames, mut records) = (frames.into_iter(), Vec::with_capacity(wanted.len()));
        for wanted in wanted {
            let seq = wanted.seq;
            let record = wanted.record.clone().or_else(|| match frames.next() {
                Some(Fetched::Frame(stored)) => Some(Arc::new(stored.record(wanted))),
                _ => None,
            });
            match record {
                Some(record) if record.has_expired(now) => {}
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

/// What there is of a write-ahead log, whether acknowledged records may be missing, and why. One that is of no use is put aside.
fn look_at_files(folder: &Folder) -> Result<(Wal, bool, &'static str), OpenError> {
    let (file, wal) = (folder.log_file(), folder.write_ahead_log());
    let found = if wal.exists() { wal::inspect(&wal)? } else { Wal::default() };
    if !file.exists() {
        return Ok((found, false, ""));
    }
    if file.metadata()?.len() == 0 {
        // SQLite would make a new file, and drop the write-ahead log.
        if wal.exists() {
            folder.put_aside(&wal)?;
        }
        return Ok((found, true, "is of no use, since log.sqlite is empty"));
    }
    let whose = if found.frames > 0 { checkpoints::look_at(&file, found) } else { Found::Ours };
    if whose != Found::Ours {
        tracing::warn!(file = %wal.display(), "a write-ahead log of another copy is put aside");
        folder.put_aside(&wal)?;
        return Ok((Wal::default(), whose == Found::Foreign, "is of another copy"));
    }
    Ok((found, found.is_damaged, "is damaged"))
}

/// Starts the writing thread.
fn spawn(writer: Writer, requests: mpsc::Receiver<Request>) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let run = move || runtime.block_on(writer.run(requests));
    std::thread::Builder::new().name("log".into()).spawn(run)
}

fn unreadable(file: &Path, error: &rusqlite::Error) -> OpenError {
    unusable(file, "read", error)
}

fn unusable(file: &Path, cannot_be: &str, error: &dyn std::error::Error) -> OpenError {
    OpenError::Unusable(format!(
        "{} cannot be {cannot_be}: {error}; restore a backup of it, or move it away together with the file log.sqlite-wal to begin a \
         new log",
        file.display()
    ))
}

#[cfg(test)]
mod tests;
