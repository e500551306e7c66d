//! Shapes of the JSON in the `data` of the hub's own events. Field names are those of the tutorial where it has one.

use serde::{Deserialize, Serialize};

/// `GET /events`: the greeting, and every 5 s the time of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerTime {
    /// RFC 3339 with milliseconds, UTC.
    pub time: String,
    /// For people.
    pub message: String,
}

/// `GET /dashboard-events`: the `connected` event that opens the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// For people.
    pub message: String,
}

/// Data of a `gap` event: what the reader asked for and cannot get any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The id that the reader asked to resume from, as it was sent.
    pub requested: String,
    /// The id of the oldest event that follows; the newest id of all when nothing is kept.
    pub first: String,
    /// Why the events between are not there.
    pub reason: GapReason,
}

/// Why a reader cannot get what it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapReason {
    /// The id is not of this log: another epoch, a seq that was never given out, or no id of ours at all.
    UnknownId,
    /// Events after the id have been removed by retention.
    Expired,
    /// The reader was too slow and the topic's policy moved it forward.
    Slow,
    /// A reason that came after this version: a reader must know of the loss all the same. No hub sends it.
    #[serde(other)]
    Other,
}

/// Data of a `notification` event on the topic `notifications`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// What it is about, as one short word: `system`, `deploy`, `security`.
    pub category: String,
    /// How much it matters.
    pub severity: Severity,
    /// One line for people.
    pub title: String,
    /// More for people, or nothing. Lines end in LF.
    pub text: String,
    /// When the server took it: RFC 3339 with milliseconds, UTC.
    pub time: String,
    /// Who says so.
    pub source: NotificationSource,
}

/// How much a notification matters, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Something went well, or is well again.
    Success,
    /// Somebody should look at it.
    Warning,
    /// Somebody should look at it now.
    Critical,
}

/// Who made a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotificationSource {
    /// The server, of itself and its host.
    Server,
    /// Somebody, by `POST /notifications`.
    Api,
}

/// `newMessage` in the topic of a chat room: somebody has said something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// The sender's idempotency key, or one drawn by the server. Tells the sender which of its messages this is.
    pub id: String,
    /// The name that the sender gives.
    pub username: String,
    /// Plain text, with line ends.
    pub text: String,
    /// When the server took it: RFC 3339 with milliseconds, UTC.
    pub time: String,
}

/// `userConnected` and `userDisconnected` in the topic of a chat room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatUser {
    /// Who has come or gone.
    pub username: String,
}

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
