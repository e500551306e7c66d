//! The reading threads: they open the streams over the ramp and read them until stopped. Everything is counted in
//! tallies; no event is kept.

use std::cell::RefCell;
use std::net::IpAddr;
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

use super::process;
use super::sequence::SequenceTracker;
use super::sources;
use super::stamp::Stamp;
use super::stream_body::{self, Opened, Pieces, StreamRequest};
use super::tally::{Tally, micros};

/// Bytes, shared by all streams of a thread.
const BUFFER: usize = 64 << 10;
/// Streams that one thread opens at once: fewer than the backlog of a server.
const MAX_OPENING: usize = 64;

/// What all threads have in common.
pub(super) struct Plan {
    pub(super) request: StreamRequest,
    /// Used round-robin; empty is the system's choice.
    pub(super) sources: Vec<IpAddr>,
    /// One for each source, if reqwest reads the streams.
    pub(super) clients: Vec<Client>,
    pub(super) streams: usize,
    pub(super) threads: usize,
    pub(super) ramp: Duration,
    /// Marks the events of this run.
    pub(super) run: u32,
    pub(super) publishers: usize,
    /// Start of the run.
    pub(super) began: Instant,
}

/// The running threads. Dropping this stops them and closes the streams.
pub(super) struct Readers {
    threads: Vec<Reader>,
}

struct Reader {
    tally: Arc<Mutex<Tally>>,
    /// Of the thread in `/proc`; `None` elsewhere, or before the thread has started.
    folder: Arc<Mutex<Option<PathBuf>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Vec<SequenceTracker>>>,
}

impl Readers {
    pub(super) fn start(plan: &Arc<Plan>) -> anyhow::Result<Self> {
        let threads = (0..plan.threads).map(|nth| Reader::start(Arc::clone(plan), nth));
        Ok(Self { threads: threads.collect::<anyhow::Result<_>>()? })
    }

    /// The sum over all threads.
    pub(super) fn tally(&self) -> Tally {
        self.threads.iter().fold(Tally::default(), |mut all, reader| {
            all.add(&lock(&reader.tally));
            all
        })
    }

    /// Passes the tally of each thread to `look`, without a copy.
    pub(super) fn each(&self, mut look: impl FnMut(&mut Tally)) {
        self.threads.iter().for_each(|reader| look(&mut lock(&reader.tally)));
    }

    /// CPU time of each thread so far, where the system tells.
    pub(super) fn cpu_times(&self) -> Vec<Duration> {
        let folders = self.threads.iter().filter_map(|reader| lock(&reader.folder).clone());
        folders.filter_map(|folder| process::cpu_time(&folder)).collect()
    }

    /// Stops, and gives the sequences of each opened stream.
    pub(super) fn stop(mut self) -> Vec<SequenceTracker> {
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
        let runtime = runtime.context("cannot start a reading thread")?;
        let (shared, own_folder) = (Arc::clone(&tally), Arc::clone(&folder));
        let thread = std::thread::spawn(move || {
            *lock(&own_folder) = process::this_thread();
            let all = Rc::new(RefCell::new(Vec::new()));
            let local = LocalSet::new();
            let streams = Streams {
                plan,
                tally: shared,
                trackers: Rc::clone(&all),
                buffer: Rc::new(RefCell::new(vec![0; BUFFER])),
            };
            local.spawn_local(streams.open(nth));
            // An error means that the owner is gone, which also stops the thread.
            let _ = local.block_on(&runtime, stopped);
            drop(local);
            all.take().into_iter().map(|tracker: Rc<RefCell<SequenceTracker>>| tracker.take()).collect()
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

#[derive(Clone)]
struct Streams {
    plan: Arc<Plan>,
    tally: Arc<Mutex<Tally>>,
    /// Of each opened stream.
    trackers: Rc<RefCell<Vec<Rc<RefCell<SequenceTracker>>>>>,
    buffer: Rc<RefCell<Vec<u8>>>,
}

impl Streams {
    /// Opens each stream of thread `nth` when it is due.
    async fn open(self, nth: usize) {
        let opening = Arc::new(Semaphore::new(MAX_OPENING));
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
        let Plan { request, sources, clients, .. } = &*self.plan;
        let client = stream.checked_rem(clients.len()).and_then(|nth| clients.get(nth));
        let opened = stream_body::open(request, sources::of(sources, stream), client).await;
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
        let tracker = Rc::new(RefCell::new(SequenceTracker::new(self.plan.publishers)));
        self.trackers.borrow_mut().push(Rc::clone(&tracker));
        let mut decoder = Decoder::new();
        let take = |pieces: &mut Pieces<'_>, bytes| {
            self.take(&mut decoder, &mut tracker.borrow_mut(), pieces, bytes)
        };
        opened.body.read(&self.buffer, take).await;
        lock(&self.tally).cut += 1;
    }

    /// Counts the events of one read. All of them have the time of the read.
    fn take(
        &self,
        decoder: &mut Decoder,
        tracker: &mut SequenceTracker,
        pieces: &mut Pieces<'_>,
        bytes: usize,
    ) {
        let now = self.plan.began.elapsed();
        let mut tally = lock(&self.tally);
        tally.bytes += bytes as u64;
        for piece in pieces {
            for event in decoder.feed(piece) {
                match event {
                    Ok(event) => {
                        let stamp = Stamp::find(event.data().as_bytes(), self.plan.run);
                        tally.event(stamp, tracker, now);
                    }
                    Err(_) => tally.oversize += 1,
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
