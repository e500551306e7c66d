//! The results of a run, as `--json` prints them. The fields are stable; times are in seconds.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use super::open_files::OpenFiles;
use super::tally::Latencies;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) url: String,
    /// `null` over TCP.
    pub(super) unix_socket: Option<String>,
    pub(super) streams: Streams,
    pub(super) open_files: OpenFiles,
    /// Without values over https.
    pub(super) connect_seconds: Quantiles,
    /// Up to the head of the response.
    pub(super) open_seconds: Quantiles,
    /// During which deliveries were counted.
    pub(super) measured_seconds: f64,
    pub(super) deliveries: Deliveries,
    /// `null` without `--publish`, as are the next two.
    pub(super) published: Option<Published>,
    pub(super) latency_seconds: Option<Quantiles>,
    /// For each event: the latency of the last stream.
    pub(super) last_reader_seconds: Option<Quantiles>,
    /// `null` without `--pid`.
    pub(super) server: Option<Server>,
    /// Of the busiest reading thread; near 1 the bench itself is the bottleneck. `null` without `/proc`.
    pub(super) reader_cores: Option<f64>,
}

impl Report {
    /// The URL, with the socket if there is one.
    pub(super) fn heading(&self) -> String {
        match &self.unix_socket {
            Some(path) => format!("{} over {path}", self.url),
            None => self.url.clone(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Streams {
    pub(super) asked: usize,
    pub(super) opened: usize,
    pub(super) failed: usize,
    pub(super) cut: usize,
    /// Failed streams by reason.
    pub(super) failures: BTreeMap<String, usize>,
    pub(super) opening_seconds: f64,
    pub(super) threads: usize,
    /// Empty: chosen by the system.
    pub(super) sources: Vec<IpAddr>,
}

#[derive(Debug, Serialize)]
pub(super) struct Deliveries {
    pub(super) count: u64,
    pub(super) per_second: f64,
    pub(super) bytes: u64,
    pub(super) bytes_per_second: f64,
    /// Events beyond the limits of the decoder.
    pub(super) oversize: u64,
    /// The events of this run; `null` without `--publish`.
    pub(super) checked: Option<Checked>,
}

/// The published events, over all opened streams.
#[derive(Debug, Serialize)]
pub(super) struct Checked {
    /// Each event counts once per stream.
    pub(super) delivered: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) out_of_order: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Published {
    pub(super) url: String,
    pub(super) rate: f64,
    pub(super) size_bytes: usize,
    pub(super) connections: usize,
    pub(super) planned: u64,
    pub(super) acknowledged: u64,
    /// Sent, but refused or without a response.
    pub(super) unacknowledged: u64,
    /// Due, but not sent in time.
    pub(super) unsent: u64,
    pub(super) failure: Option<String>,
    pub(super) acknowledge_seconds: Quantiles,
}

/// CPU time and memory of the server.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Server {
    pub(super) pids: Vec<u32>,
    pub(super) cpu_seconds: f64,
    /// Average cores used.
    pub(super) cores: f64,
    pub(super) cpu_seconds_per_delivery: Option<f64>,
    /// Before the first stream.
    pub(super) memory_before_bytes: u64,
    pub(super) memory_max_bytes: u64,
    /// Growth by the open streams.
    pub(super) memory_per_stream_bytes: Option<f64>,
}

/// `null` where nothing was measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Quantiles {
    pub(super) count: u64,
    pub(super) mean: Option<f64>,
    pub(super) p50: Option<f64>,
    pub(super) p90: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) p999: Option<f64>,
    pub(super) max: Option<f64>,
}

impl Quantiles {
    pub(super) fn of(latencies: &Latencies) -> Self {
        let some = !latencies.is_empty();
        let at = |quantile: f64| some.then(|| latencies.value_at_quantile(quantile) as f64 / 1e6);
        Self {
            count: latencies.len(),
            mean: some.then(|| latencies.mean() / 1e6),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: some.then(|| latencies.max() as f64 / 1e6),
        }
    }
}

pub(super) fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}
