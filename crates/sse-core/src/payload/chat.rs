//! The chat: what is said, and who comes and goes.

use serde::{Deserialize, Serialize};

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
