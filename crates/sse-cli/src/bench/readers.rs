//! The streams: opened over the ramp, read by few threads until they are stopped. What they see goes into tallies;
//! nothing is kept of an event.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use sse_client::reqwest::Client;
use sse_core::Decoder;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::LocalSet;

use super::connection::{self, Ask, Opened, Pieces};
use super::process;
use super::sequence::Sequence;
use super::sources::Sources;
use super::stamp::Stamp;
use super::tally::Tally;

/// For all streams of a thread.
const BUFFER: usize = 64 << 10;
/// Streams that one thread opens at once: fewer than what a server has in line to be accepted.
const OPENING: usize = 64;

/// What all threads need to know.
pub(super) struct Plan {
    pub(super) ask: Ask,
    pub(super) sources: Sources,
    /// One for each source, where streams are read by reqwest.
    pub(super) clients: Vec<Client>,
    pub(super) streams: usize,
    pub(super) threads: usize,
    pub(super) ramp: Duration,
    /// Names this run in its events.
    pub(super) run: u32,
    /// Connections that publish.
    pub(super) lanes: usize,
    /// When the run began.
    pub(super) began: Instant,
}

/// The threads at work. They stop, and the streams close, when this is dropped.
pub(super) struct Readers {
    threads: Vec<Reader>,
}

struct Reader {
    tally: Arc<Mutex<Tally>>,
    /// In `/proc`; `None` where there is none, or the thread has not said yet.
    folder: Arc<Mutex<Option<PathBuf>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Vec<Books>>>,
}

/// What one stream has seen of each lane.
pub(super) type Books = Vec<Sequence>;

impl Readers {
    pub(super) fn start(plan: &Arc<Plan>) -> anyhow::Result<Self> {
        let threads = (0..plan.threads).map(|nth| Reader::start(Arc::clone(plan), nth));
        Ok(Self { threads: threads.collect::<anyhow::Result<_>>()? })
    }

    /// The counts of all threads together.
    pub(super) fn tally(&self) -> Tally {
        self.threads.iter().fold(Tally::default(), |mut all, reader| {
            all.add(&lock(&reader.tally));
            all
        })
    }

    /// Hands each thread's counts to `look`, without a copy.
    pub(super) fn each(&self, mut look: impl FnMut(&mut Tally)) {
        self.threads.iter().for_each(|reader| look(&mut lock(&reader.tally)));
    }

    /// Processor time of each thread so far, where the system tells.
    pub(super) fn cpu_times(&self) -> Vec<Duration> {
        let folders = self.threads.iter().filter_map(|reader| lock(&reader.folder).clone());
        folders.filter_map(|folder| process::cpu_time(&folder)).collect()
    }

    /// Stops, and gives the books of each stream that opened.
    pub(super) fn stop(mut self) -> Vec<Books> {
        self.threads.iter_mut().for_each(|reader| drop(reader.stop.take()));
        let threads = self.threads.iter_mut().filter_map(|reader| reader.thread.take());
        threads.flat_map(|thread| thread.join().unwrap_or_default()).collect()
    }
}

impl Reader {
    fn start(plan: Arc<Plan>, nth: usize) -> anyhow::Result<Self> {
        let tally = Arc::new(Mutex::new(Tally::default()));
        let folder = Arc::new(Mutex::new(None));
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("cannot start a thread that reads")?;
        let (shared, own_folder) = (Arc::clone(&tally), Arc::clone(&folder));
        let thread = std::thread::spawn(move || {
            *lock(&own_folder) = process::this_thread();
            let all = Rc::new(RefCell::new(Vec::new()));
            let local = LocalSet::new();
            let streams = Streams {
                plan,
                tally: shared,
                books: Rc::clone(&all),
                buffer: Rc::new(RefCell::new(vec![0; BUFFER])),
            };
            local.spawn_local(streams.open(nth));
            // An error says that the owner is gone, which is the same.
            let _ = local.block_on(&runtime, stopped);
            drop(local);
            all.take().into_iter().map(|books: Rc<RefCell<Books>>| books.take()).collect()
        });
        Ok(Self { tally, folder, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic has been printed already.
            let _ = thread.join();
        }
    }
}

/// The streams of one thread.
#[derive(Clone)]
struct Streams {
    plan: Arc<Plan>,
    tally: Arc<Mutex<Tally>>,
    /// Of each stream that opened.
    books: Rc<RefCell<Vec<Rc<RefCell<Books>>>>>,
    buffer: Rc<RefCell<Vec<u8>>>,
}

impl Streams {
    /// Opens each stream of thread `nth` when its time has come.
    async fn open(self, nth: usize) {
        let opening = Arc::new(Semaphore::new(OPENING));
        let began = Instant::now();
        for stream in (nth..self.plan.streams).step_by(self.plan.threads) {
            let due = self.plan.ramp.mul_f64(stream as f64 / self.plan.streams as f64);
            tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
            let Ok(permit) = Arc::clone(&opening).acquire_owned().await else { return };
            let streams = self.clone();
            tokio::task::spawn_local(async move {
                let opened = streams.open_one(stream).await;
                drop(permit);
                if let Some(opened) = opened {
                    streams.follow(opened).await;
                }
            });
        }
    }

    async fn open_one(&self, stream: usize) -> Option<Opened> {
        let Plan { ask, sources, clients, .. } = &*self.plan;
        let client = stream.checked_rem(clients.len()).and_then(|nth| clients.get(nth));
        let opened = connection::open(ask, sources.of(stream), client).await;
        let mut tally = lock(&self.tally);
        match opened {
            Ok(opened) => {
                tally.opened += 1;
                tally.open.saturating_record(micros(opened.open));
                if let Some(connect) = opened.connect {
                    tally.connect.saturating_record(micros(connect));
                }
                Some(opened)
            }
            Err(error) => {
                tally.failed(error.to_string());
                None
            }
        }
    }

    async fn follow(&self, opened: Opened) {
        let books = Rc::new(RefCell::new(vec![Sequence::default(); self.plan.lanes]));
        self.books.borrow_mut().push(Rc::clone(&books));
        let mut decoder = Decoder::new();
        let take =
            |pieces: &mut dyn Pieces, bytes| self.take(&mut decoder, &mut books.borrow_mut(), pieces, bytes);
        opened.connection.read(&self.buffer, take).await;
        lock(&self.tally).cut += 1;
    }

    /// What one read has brought. All its events have the time of the read.
    fn take(&self, decoder: &mut Decoder, books: &mut Books, pieces: &mut dyn Pieces, bytes: usize) {
        let now = self.plan.began.elapsed();
        let mut tally = lock(&self.tally);
        tally.bytes += bytes as u64;
        while let Some(piece) = pieces.next() {
            for event in decoder.feed(piece) {
                match event {
                    Ok(event) => {
                        let stamp = Stamp::find(event.data().as_bytes(), self.plan.run);
                        tally.event(stamp.filter(|_| self.plan.lanes > 0), books, now);
                    }
                    Err(_) => tally.oversize += 1,
                }
            }
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
