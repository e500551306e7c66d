//! The clock: the time of the server.

use serde::{Deserialize, Serialize};

/// `GET /events`: the greeting, and every 5 s the time of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerTime {
    /// RFC 3339 with milliseconds, UTC.
    pub time: String,
    /// For people.
    pub message: String,
}
