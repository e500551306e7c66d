//! The dashboard: one sample of the host.

use serde::{Deserialize, Serialize};

/// One sample of the host. Memory and disks in MB of 1,048,576 bytes, as the tutorial counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// When the sample was taken: RFC 3339 with milliseconds, UTC.
    pub time: String,
    /// Load average over 1 minute. 0 on systems without one.
    pub cpu_load: f64,
    /// Load average over 1, 5 and 15 minutes.
    pub load_average: [f64; 3],
    /// Use of all cores together since the sample before, 0 to 100 %.
    pub cpu_usage: f32,
    /// Use of each core since the sample before, 0 to 100 %.
    pub cpus: Vec<f32>,
    /// Logical cores.
    pub cpu_count: usize,
    /// Installed memory, MB.
    pub total_memory: f64,
    /// Memory that nothing uses, not even a cache, MB.
    pub free_memory: f64,
    /// Memory that programs can have without swapping, MB.
    pub available_memory: f64,
    /// Memory in use, MB.
    pub used_memory: f64,
    /// Swap space, MB.
    pub total_swap: f64,
    /// Swap space in use, MB.
    pub used_swap: f64,
    /// Seconds since the host started.
    pub uptime: u64,
    /// Mounted disks.
    pub disks: Vec<Disk>,
    /// Network interfaces.
    pub networks: Vec<Network>,
    /// Name of the host, if it has one.
    pub host_name: Option<String>,
    /// Operating system and version, if known.
    pub os: Option<String>,
    /// Processes on the host.
    pub process_count: usize,
    /// Seconds between two samples.
    pub interval: f64,
    /// The server itself.
    pub hub: HubFigures,
}

/// What the server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HubFigures {
    /// Streams open now, the reader's own among them.
    pub streams: usize,
    /// Topics that have or had events.
    pub topics: usize,
    /// Events published since the sample before, a second.
    pub events_per_second: f64,
}

/// One mounted disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Disk {
    /// Device, as the system calls it.
    pub name: String,
    /// Where it is mounted.
    pub mount_point: String,
    /// For example `ext4`.
    pub file_system: String,
    /// Size, MB.
    pub total: f64,
    /// Free for unprivileged programs, MB.
    pub available: f64,
}

/// One network interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Network {
    /// Interface name.
    pub name: String,
    /// Bytes per second in, since the sample before.
    pub received_per_second: f64,
    /// Bytes per second out, since the sample before.
    pub transmitted_per_second: f64,
    /// Bytes in since the interface came up.
    pub received_total: u64,
    /// Bytes out since the interface came up.
    pub transmitted_total: u64,
}
