//! The log on disk: SQLite in a folder of its own, one thread that writes, an index in memory.

mod folder;
mod readers;
mod removal;
mod restore;
mod store;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use sse_core::Epoch;
use tokio::sync::{mpsc, oneshot};

use super::index::{Index, Plan};
use super::tail::Announcer;
use super::{
    Append, AppendError, Appended, Log, Page, Pending, Read, ReadError, Record, Seek, Tail, TopicSummary,
};
use crate::policy::Policies;
use crate::selectors::Selectors;
use folder::Folder;
use readers::Readers;
use restore::{Restored, restore};
use store::{Store, StoredFrame};
use writer::{Request, Writer};

/// Batches that wait for the writing thread; further publishers wait before they are let in.
const WAITING_BATCHES: usize = 1024;

/// A log that survives the process. See `docs/decisions/0005-sqlite-log.md` for why it is SQLite.
#[derive(Debug)]
pub(crate) struct DiskLog {
    shared: Arc<Shared>,
    /// `None` once the log has been closed.
    requests: Mutex<Option<mpsc::Sender<Request>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Arc<Readers>,
    _folder: Folder,
}

/// What the writing thread and everybody else share.
#[derive(Debug)]
struct Shared {
    epoch: Epoch,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    index: Index,
    announcer: Announcer,
}

/// Why a log could not be opened. The text says what to do, as far as that is known.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct OpenError(String);

impl DiskLog {
    /// Opens the log in this folder, and makes both if they are not there. Takes time in proportion to the
    /// records: about half a second for a million.
    pub(crate) fn open(folder: &Path, policies: Policies) -> Result<Self, OpenError> {
        let folder = Folder::take(folder).map_err(|error| OpenError(error.to_string()))?;
        let file = folder.log_file();
        let store = Store::open(&file).map_err(unreadable)?;
        folder.sync().map_err(|error| OpenError(error.to_string()))?;
        let Restored { meta, index, rows } = restore(&store, policies).map_err(unreadable)?;
        tracing::info!(epoch = %meta.epoch, head = index.head(), clean = meta.clean, "log opened");
        let state = State { index, announcer: Announcer::default() };
        let shared = Arc::new(Shared { epoch: meta.epoch, state: Mutex::new(state) });
        let writer = Writer::new(store, Arc::clone(&shared), rows)
            .map_err(|error| OpenError(format!("it cannot be written: {error}")))?;
        let (requests, receiver) = mpsc::channel(WAITING_BATCHES);
        let writer = spawn(writer, receiver).map_err(|error| OpenError(error.to_string()))?;
        Ok(Self {
            shared,
            requests: Mutex::new(Some(requests)),
            writer: Mutex::new(Some(writer)),
            readers: Arc::new(Readers::new(file)),
            _folder: folder,
        })
    }

    /// Stores what waits, and leaves the file clean. Appends after this are refused. Blocks until that is done.
    pub(crate) fn close(&self) {
        drop(lock(&self.requests).take());
        if let Some(writer) = lock(&self.writer).take()
            && writer.join().is_err()
        {
            tracing::error!("the writing thread had panicked");
        }
    }
}

impl Drop for DiskLog {
    fn drop(&mut self) {
        self.close();
    }
}

impl Log for DiskLog {
    fn epoch(&self) -> Epoch {
        self.shared.epoch
    }

    fn head(&self) -> u64 {
        self.shared.state().index.head()
    }

    fn append(&self, batch: Append) -> Pending<Result<Appended, AppendError>> {
        let requests = lock(&self.requests).clone();
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let requests = requests.ok_or(AppendError::Closed)?;
            let gone = || AppendError::Unavailable("the writing thread is gone, restart the server".into());
            requests.send(Request { batch, reply }).await.map_err(|_| gone())?;
            drop(requests);
            answer.await.unwrap_or_else(|_| Err(AppendError::Unknown("the writing thread is gone".into())))
        })
    }

    fn read(&self, read: Read) -> Pending<Result<Page, ReadError>> {
        let plan = self.shared.plan(&read);
        if let Some(page) = plan.in_memory() {
            return Box::pin(std::future::ready(Ok(page)));
        }
        let (shared, readers) = (Arc::clone(&self.shared), Arc::clone(&self.readers));
        Box::pin(async move {
            let turn = readers.turn().await;
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

    fn seek(&self, selectors: &Selectors, seek: Seek) -> u64 {
        self.shared.state().index.seek(selectors, seek)
    }

    fn topic_count(&self) -> usize {
        self.shared.state().index.topic_count()
    }

    fn topics(&self) -> Vec<TopicSummary> {
        self.shared.state().index.summaries()
    }
}

impl Shared {
    fn plan(&self, read: &Read) -> Plan {
        self.state().index.plan(read)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Plan {
    /// The page, if all of it is in memory.
    fn in_memory(&self) -> Option<Page> {
        let records = self.entries.iter().map(|(_, entry)| entry.record.clone());
        let records = records.collect::<Option<_>>()?;
        Some(Page { records, complete_to: self.complete_to, lost: self.lost, removals: self.removals })
    }

    /// The page, with what was on disk.
    fn filled(self, mut frames: impl Iterator<Item = StoredFrame>) -> Page {
        let fill = |(topic, entry): (_, super::kept::Entry)| {
            let from_disk = |(time, frame): StoredFrame| {
                Arc::new(Record { seq: entry.seq, topic, time, in_memory: false, frame: frame.into() })
            };
            entry.record.or_else(|| frames.next().map(from_disk))
        };
        let records = self.entries.into_iter().filter_map(fill).collect();
        Page { records, complete_to: self.complete_to, lost: self.lost, removals: self.removals }
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under these locks can panic halfway through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
