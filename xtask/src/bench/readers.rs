//! Many readers on one thread at little cost: they count events and take one latency for each read.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use super::stamp::{self, Clock};
use crate::server::Server;

/// Bytes of the buffer that all readers share.
const BUFFER: usize = 64 << 10;
/// Longest wait for deliveries.
const DEADLINE: Duration = Duration::from_secs(60);
/// Files that a server may open for its log meanwhile.
const SPARE_FILES: usize = 16;

/// Running readers. They stop and close their connections when this is dropped.
pub(super) struct Readers {
    counters: Arc<Counters>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Counters {
    deliveries: AtomicU64,
    ended: AtomicU64,
    /// In milliseconds; one for each read that had a stamp.
    latencies: Mutex<Vec<f64>>,
    /// The largest for each stamp.
    last: Mutex<HashMap<u64, f64>>,
}

impl Readers {
    pub(super) fn start(streams: Vec<TcpStream>, clock: Clock) -> Result<Self> {
        let counters = Arc::new(Counters::default());
        let streams = streams.into_iter().map(TcpStream::into_std).collect::<Result<Vec<_>, _>>()?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::clone(&counters);
        let thread = std::thread::spawn(move || {
            let buffer = Rc::new(RefCell::new(vec![0; BUFFER]));
            LocalSet::new().block_on(&runtime, async {
                for stream in streams {
                    let stream = TcpStream::from_std(stream).expect("it was registered before");
                    let (shared, buffer) = (Arc::clone(&shared), Rc::clone(&buffer));
                    tokio::task::spawn_local(async move { read(&stream, &buffer, &shared, clock).await });
                }
                // An error means that the owner is gone, which is the same.
                let _ = stopped.await;
            });
        });
        Ok(Self { counters, stop: Some(stop), thread: Some(thread) })
    }

    /// Events received by all readers together.
    pub(super) fn deliveries(&self) -> u64 {
        self.counters.deliveries.load(Ordering::Relaxed)
    }

    /// Waits until that many events have been received.
    pub(super) async fn wait_for(&self, deliveries: u64) -> Result<()> {
        let waiting = async {
            while self.deliveries() < deliveries {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let over = tokio::time::timeout(DEADLINE, waiting).await;
        over.with_context(|| format!("{} of {deliveries} deliveries have come", self.deliveries()))?;
        let ended = self.counters.ended.load(Ordering::Relaxed);
        ensure!(ended == 0, "{ended} streams were cut");
        Ok(())
    }

    /// The latencies since this was last called, in milliseconds.
    pub(super) fn take_latencies(&self) -> Vec<f64> {
        std::mem::take(&mut self.counters.latencies.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The latency of the last reader of each event since this was last called, in milliseconds. Exact if a read has one
    /// event.
    pub(super) fn take_last_latencies(&self) -> Vec<f64> {
        let last = &mut *self.counters.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.drain().map(|(_, latency)| latency).collect()
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic is already printed.
            let _ = thread.join();
        }
    }
}

/// Waits until the server has as few files open as before readers came. Returns how long that took.
pub(super) async fn files_back(server: &Server, before: usize) -> Result<Duration> {
    let start = Instant::now();
    loop {
        let now = server.open_files()?;
        if now <= before + SPARE_FILES {
            return Ok(start.elapsed());
        }
        ensure!(start.elapsed() < DEADLINE, "{now} files are open, {before} were before the readers came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn read(stream: &TcpStream, buffer: &RefCell<Vec<u8>>, counters: &Counters, clock: Clock) {
    while stream.readable().await.is_ok() {
        let mut buffer = buffer.borrow_mut();
        let count = match stream.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => break,
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        if let Some((stamp, latency)) = clock.latency(bytes) {
            let last = &mut *counters.last.lock().unwrap_or_else(PoisonError::into_inner);
            let of_stamp = last.entry(stamp).or_default();
            *of_stamp = of_stamp.max(latency);
            counters.latencies.lock().unwrap_or_else(PoisonError::into_inner).push(latency);
        }
        counters.deliveries.fetch_add(stamp::count(bytes), Ordering::Relaxed);
    }
    counters.ended.fetch_add(1, Ordering::Relaxed);
}
