//! Memory, files and threads of the server while a test runs, sampled ten times a second.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::task::JoinHandle;

use crate::server::Server;

const INTERVAL: Duration = Duration::from_millis(100);

/// One sample.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Footprint {
    pub(crate) resident_bytes: u64,
    pub(crate) open_files: usize,
    pub(crate) threads: u64,
}

/// The samples so far. Lives on a `LocalSet`; stops when dropped.
pub(crate) struct Recorder {
    samples: Rc<RefCell<Vec<(Instant, Footprint)>>>,
    task: JoinHandle<Result<()>>,
}

impl Footprint {
    pub(crate) fn of(server: &Server) -> Result<Self> {
        Ok(Self {
            resident_bytes: server.resident_bytes()?,
            open_files: server.open_files()?,
            threads: server.threads()?,
        })
    }

    pub(crate) fn mebibytes(self) -> f64 {
        self.resident_bytes as f64 / f64::from(1 << 20)
    }
}

impl Recorder {
    pub(crate) fn start(server: Rc<Server>) -> Result<Self> {
        let sample = |server: &Server| anyhow::Ok((Instant::now(), Footprint::of(server)?));
        let samples = Rc::new(RefCell::new(vec![sample(&server)?]));
        let shared = Rc::clone(&samples);
        let task = tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(INTERVAL).await;
                let newest = sample(&server)?;
                shared.borrow_mut().push(newest);
            }
        });
        Ok(Self { samples, task })
    }

    /// The newest sample.
    ///
    /// # Errors
    /// When the server has ended.
    pub(crate) fn newest(&self) -> Result<Footprint> {
        ensure!(!self.task.is_finished(), "the server ended by itself");
        Ok(self.samples.borrow().last().context("no sample was taken")?.1)
    }

    /// The samples of a time.
    pub(crate) fn of(&self, time: Range<Instant>) -> Vec<Footprint> {
        let samples = self.samples.borrow();
        samples.iter().filter(|(at, _)| time.contains(at)).map(|(_, footprint)| *footprint).collect()
    }

    /// The largest resident memory of a time, in MiB.
    pub(crate) fn max_mebibytes(&self, time: Range<Instant>) -> f64 {
        self.of(time).into_iter().map(Footprint::mebibytes).fold(0.0, f64::max)
    }

    /// Waits until files and memory are at most these. Returns how long it took.
    pub(crate) async fn until_at_most(&self, most: Footprint, deadline: Duration) -> Result<Duration> {
        let start = Instant::now();
        loop {
            let now = self.newest()?;
            if now.open_files <= most.open_files && now.resident_bytes <= most.resident_bytes {
                return Ok(start.elapsed());
            }
            if start.elapsed() > deadline {
                bail!(
                    "{deadline:?} after the end {} files are open and {:.0} MiB resident, at most {} and {:.0}",
                    now.open_files,
                    now.mebibytes(),
                    most.open_files,
                    most.mebibytes()
                );
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}
