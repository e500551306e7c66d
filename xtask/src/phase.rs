//! A while of a long test: what its crowd and its server did meanwhile, and the bounds that are held against that.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;

use crate::crowd::Crowd;
use crate::footprint::{Footprint, Recorder};
use crate::server::Server;

/// What was measured for a while.
pub(crate) struct Phase {
    seconds: f64,
    latencies: Histogram<u64>,
    /// Resident memory in MiB.
    max_memory: f64,
    end: Footprint,
    /// Processor time used by the server.
    cores: f64,
}

impl Phase {
    /// Ends early when more than so many MiB are resident.
    pub(crate) async fn run(
        crowd: &Crowd,
        recorder: &Recorder,
        server: &Server,
        seconds: f64,
        stop_at: f64,
    ) -> Result<Self> {
        let (start, cpu) = (Instant::now(), server.cpu_time()?);
        crowd.take_latencies();
        while start.elapsed().as_secs_f64() < seconds && recorder.newest()?.mebibytes() < stop_at {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let took = start.elapsed().as_secs_f64();
        Ok(Self {
            seconds: took,
            latencies: crowd.take_latencies(),
            max_memory: recorder.max_mebibytes(start..Instant::now()),
            end: recorder.newest()?,
            cores: (server.cpu_time()? - cpu).as_secs_f64() / took,
        })
    }

    /// In milliseconds.
    fn percentile(&self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / 1e3
    }

    pub(crate) fn p99(&self) -> f64 {
        self.percentile(0.99)
    }

    pub(crate) fn print(&self, name: &str) {
        println!(
            "{name:<17} {:>10.0} s: latency p50 {:.1} ms, p99 {:.1} ms, max {:.0} ms of {} deliveries; \
             at most {:.0} MiB resident, {:.0} at the end; {} files open; {:.2} cores",
            self.seconds,
            self.percentile(0.5),
            self.p99(),
            self.percentile(1.0),
            self.latencies.len(),
            self.max_memory,
            self.end.mebibytes(),
            self.end.open_files,
            self.cores
        );
    }

    pub(crate) fn check_memory(&self, most: f64) -> Result<()> {
        check(
            self.max_memory <= most,
            format!("{:.0} MiB are resident after {:.0} s", self.max_memory, self.seconds),
        )
    }
}

pub(crate) fn check(holds: bool, broken: String) -> Result<()> {
    ensure!(holds, broken);
    Ok(())
}

/// All bounds that are broken, and not only the first.
pub(crate) fn verdict(checks: &[Result<()>]) -> Result<()> {
    let broken = checks.iter().filter_map(|check| check.as_ref().err());
    let broken: Vec<String> = broken.map(|error| format!("{error:#}")).collect();
    ensure!(broken.is_empty(), "bounds are broken: {}", broken.join("; "));
    Ok(())
}
