//! The way to who reads the settings again, and what comes back.

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

/// Requests that wait; further ones wait before they are let in.
const WAITING: usize = 8;

/// The way to who reloads.
#[derive(Debug, Clone)]
pub(crate) struct Reloads(pub(super) mpsc::Sender<ReloadRequest>);

/// One request, to be answered.
pub(crate) type ReloadRequest = oneshot::Sender<Result<Reloaded, Vec<FaultJson>>>;

/// What a reload has changed: names of settings.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reloaded {
    pub(crate) changed: Vec<String>,
    /// These are not in force yet.
    pub(crate) needs_restart: Vec<String>,
}

/// What is wrong with a setting.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FaultJson {
    /// Of the settings file.
    pub(crate) line: Option<usize>,
    pub(crate) key: String,
    pub(crate) detail: String,
}

impl Reloads {
    pub(crate) fn new() -> (Self, mpsc::Receiver<ReloadRequest>) {
        let (requests, receiver) = mpsc::channel(WAITING);
        (Self(requests), receiver)
    }
}

#[cfg(test)]
impl Default for Reloads {
    fn default() -> Self {
        Self::new().0
    }
}
