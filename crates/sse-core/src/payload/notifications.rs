//! Notifications: one message for people.

use serde::{Deserialize, Serialize};

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
