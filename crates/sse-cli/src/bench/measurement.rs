//! One run: opens the streams, publishes, and counts deliveries until all have arrived or none arrives any more. Prints
//! only the progress line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::process::{Processes, Usage};
use super::progress::{Progress, Snapshot};
use super::publisher::{self, PublishPlan, Published};
use super::readers::{Plan, Readers};
use super::report::{Quantiles, Server, per_second};
use super::sequence::SequenceTracker;
use super::tally::{Latencies, Tally, latencies};
use crate::stop::Stop;

/// Between two snapshots.
const TICK: Duration = Duration::from_millis(250);
/// A server may send the head of the response before its subscription is in place.
const SETTLE: Duration = Duration::from_millis(200);
/// When nothing arrives for this long after publishing, missing events are lost.
const SILENCE: Duration = Duration::from_secs(2);
/// The same after a signal, which must end the run soon.
const STOP_WAIT: Duration = Duration::from_millis(500);
/// Steps of the plot.
const MAX_STEPS: u32 = 120;

pub(super) struct Measurement {
    pub(super) tally: Tally,
    pub(super) trackers: Vec<SequenceTracker>,
    pub(super) published: Option<Published>,
    pub(super) opening: Duration,
    /// During which deliveries were counted.
    pub(super) time: Duration,
    pub(super) steps: Vec<Step>,
    pub(super) server: Option<Server>,
    /// Cores used by the busiest reading thread.
    pub(super) reader_cores: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) end_seconds: f64,
    pub(super) latency: Quantiles,
}

/// Runs to the end, or until stopped.
pub(super) async fn measure(
    plan: &Arc<Plan>,
    publish: Option<PublishPlan>,
    duration: Duration,
    processes: &Processes,
    progress: &Progress,
    mut stop: Stop,
) -> anyhow::Result<Measurement> {
    let before = processes.usage();
    let from = Instant::now();
    let readers = Readers::start(plan)?;
    tokio::select! {
        () = open(&readers, plan.streams, progress) => {}
        () = stop.wait() => {}
    }
    let opening = from.elapsed();
    tokio::time::sleep(SETTLE).await;
    readers.each(Tally::begin);
    let mut recorder = Recorder::new(&readers, processes, duration, progress);
    let published = match publish {
        Some(plan) => Some(recorder.publish(plan, &mut stop).await),
        None => {
            let time_up = tokio::time::timeout(duration, stop.wait());
            // Both outcomes end it.
            let _ = recorder.watch(time_up).await;
            None
        }
    };
    recorder.end_step();
    let tally = readers.tally();
    let last = tally.last_delivery.saturating_sub(recorder.start - plan.began);
    let time = last.max(duration.min(recorder.start.elapsed()));
    let server = before.and_then(|before| recorder.server(before, &tally));
    let (reader_cores, steps) = (recorder.reader_cores(), recorder.steps);
    Ok(Measurement { tally, trackers: readers.stop(), published, opening, time, steps, server, reader_cores })
}

/// Waits until each stream has opened or failed.
async fn open(readers: &Readers, streams: usize, progress: &Progress) {
    loop {
        let (mut opened, mut failed) = (0, 0);
        readers.each(|tally| {
            opened += tally.opened;
            failed += tally.failed_streams();
        });
        progress.opening(opened, failed, streams);
        if opened + failed >= streams {
            return;
        }
        tokio::time::sleep(TICK / 10).await;
    }
}

/// Waits until this many events have arrived on all streams, or nothing arrives any more.
async fn drain(readers: &Readers, events: u64) {
    let mut last = (0, Instant::now());
    loop {
        let (mut distinct, mut opened, mut deliveries) = (0, 0, 0);
        readers.each(|tally| {
            distinct += tally.distinct;
            opened += tally.opened as u64;
            deliveries += tally.distinct + tally.doubled;
        });
        if deliveries != last.0 {
            last = (deliveries, Instant::now());
        }
        if distinct >= events * opened || last.1.elapsed() > SILENCE {
            return;
        }
        tokio::time::sleep(TICK / 10).await;
    }
}

/// Records the measurement while deliveries are counted.
struct Recorder<'a> {
    readers: &'a Readers,
    processes: &'a Processes,
    progress: &'a Progress,
    start: Instant,
    duration: Duration,
    /// At the start.
    server: Option<Usage>,
    memory_max: u64,
    reader_cpu: Vec<Duration>,
    /// The last snapshot: its time, the deliveries, and the CPU time of the server.
    last: (Instant, u64, Duration),
    /// Of the current step.
    step: Latencies,
    step_began: Instant,
    steps: Vec<Step>,
}

impl<'a> Recorder<'a> {
    fn new(
        readers: &'a Readers,
        processes: &'a Processes,
        duration: Duration,
        progress: &'a Progress,
    ) -> Self {
        let (start, server) = (Instant::now(), processes.usage());
        Self {
            readers,
            processes,
            progress,
            start,
            duration,
            server,
            memory_max: server.map_or(0, |usage| usage.memory_bytes),
            reader_cpu: readers.cpu_times(),
            last: (start, 0, server.unwrap_or_default().cpu),
            step: latencies(),
            step_began: start,
            steps: Vec::new(),
        }
    }

    async fn publish(&mut self, plan: PublishPlan, stop: &mut Stop) -> Published {
        let published = self.watch(publisher::publish(plan)).await;
        let readers = self.readers;
        self.watch(async {
            tokio::select! {
                () = drain(readers, published.acknowledged) => {}
                () = stop.wait() => tokio::time::sleep(STOP_WAIT).await,
            }
        })
        .await;
        published
    }

    /// Takes snapshots until this is done.
    async fn watch<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut ticks = tokio::time::interval(TICK);
        // The first tick is immediate.
        ticks.tick().await;
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = ticks.tick() => self.snapshot(),
            }
        }
    }

    fn snapshot(&mut self) {
        let mut recent = latencies();
        let (mut deliveries, mut doubled, mut out_of_order, mut cut) = (0, 0, 0, 0);
        self.readers.each(|tally| {
            recent.add(&tally.recent).expect("the bounds are the same");
            tally.recent.reset();
            deliveries += tally.deliveries;
            doubled += tally.doubled;
            out_of_order += tally.out_of_order;
            cut += tally.cut;
        });
        let usage = self.processes.usage();
        self.memory_max = self.memory_max.max(usage.map_or(0, |usage| usage.memory_bytes));
        let cpu = usage.unwrap_or_default().cpu;
        let (then, before, cpu_before) = std::mem::replace(&mut self.last, (Instant::now(), deliveries, cpu));
        let Quantiles { p50, p99, .. } = Quantiles::of(&recent);
        self.progress.measuring(&Snapshot {
            seconds: self.start.elapsed().as_secs_f64(),
            of_seconds: self.duration.as_secs_f64(),
            per_second: per_second(deliveries - before, then.elapsed()),
            latency: p50.zip(p99),
            doubled,
            out_of_order,
            cut,
            server: usage
                .map(|_| cpu.saturating_sub(cpu_before).as_secs_f64() / then.elapsed().as_secs_f64()),
        });
        self.step.add(&recent).expect("the bounds are the same");
        if self.step_began.elapsed() + TICK / 2 > self.duration / MAX_STEPS {
            self.end_step();
        }
    }

    fn end_step(&mut self) {
        self.readers.each(|tally| {
            self.step.add(&tally.recent).expect("the bounds are the same");
            tally.recent.reset();
        });
        let end_seconds = self.start.elapsed().as_secs_f64();
        self.steps.push(Step { end_seconds, latency: Quantiles::of(&self.step) });
        self.step.reset();
        self.step_began = Instant::now();
    }

    fn server(&self, before: Usage, tally: &Tally) -> Option<Server> {
        let (start, end) = (self.server?, self.processes.usage()?);
        let cpu = end.cpu.saturating_sub(start.cpu).as_secs_f64();
        let grown = start.memory_bytes.checked_sub(before.memory_bytes);
        Some(Server {
            pids: self.processes.pids().to_vec(),
            cpu_seconds: cpu,
            cores: cpu / self.start.elapsed().as_secs_f64().max(1e-9),
            cpu_seconds_per_delivery: (tally.deliveries > 0).then(|| cpu / tally.deliveries as f64),
            memory_before_bytes: before.memory_bytes,
            memory_max_bytes: self.memory_max.max(end.memory_bytes),
            memory_per_stream_bytes: grown.map(|bytes| bytes as f64 / tally.opened.max(1) as f64),
        })
    }

    fn reader_cores(&self) -> Option<f64> {
        let seconds = self.start.elapsed().as_secs_f64();
        let used = self.readers.cpu_times().into_iter().zip(&self.reader_cpu);
        used.map(|(now, before)| now.saturating_sub(*before).as_secs_f64() / seconds).max_by(f64::total_cmp)
    }
}
