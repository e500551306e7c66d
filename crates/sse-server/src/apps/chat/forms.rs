//! The JSON that a chat is sent: what each field may say.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Number;

use super::names::{Client, Room, Text, Username};
use super::publisher::Message;
use crate::http::{Form, Problem, idempotency_key};

/// Most bytes of a body: the longest text with every character written as two `\u` escapes, and the rest.
pub(super) const MAX_BYTES: usize = 32 << 10;

/// How long a client that says nothing else is taken to be there.
const DEFAULT_LEASE_SECONDS: u64 = 45;
/// Longest lease, and so the longest that somebody who vanished without a word can stay in the list.
const MAX_LEASE_SECONDS: u64 = 300;

/// A message as it is posted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMessage {
    username: Option<String>,
    text: Option<String>,
    room: Option<String>,
    key: Option<String>,
}

/// A client that says that somebody is there, or not any more, as it is posted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct NewPresence {
    username: Option<String>,
    client: Option<String>,
    room: Option<String>,
    lease_seconds: Option<Number>,
    leaving: Option<bool>,
}

/// A client that says that somebody is there, or not any more.
#[derive(Debug)]
pub(super) struct Presence {
    pub(super) room: Room,
    pub(super) username: Username,
    pub(super) client: Client,
    /// `None`: leaving.
    pub(super) lease: Option<Duration>,
}

impl Form for NewMessage {
    const EXAMPLE: &str = r#"{"username":"ann","text":"hello"}"#;
}

impl NewMessage {
    /// The message. `key` is what the request says beside its body.
    pub(super) fn message(self, key: Option<String>) -> Result<Message, Problem> {
        let own = Self::optional("key", self.key, idempotency_key)?;
        if let (Some(own), Some(key)) = (&own, &key)
            && own != key
        {
            let detail = "the key of the body and that of the request differ; give one value, once";
            return Err(Problem::bad_request(detail).in_field("key"));
        }
        Ok(Message {
            room: Self::optional("room", self.room, Room::new)?.unwrap_or_default(),
            username: Self::required("username", self.username, Username::new)?,
            text: Self::required("text", self.text, Text::new)?,
            key: own.or(key),
        })
    }
}

impl Form for NewPresence {
    const EXAMPLE: &str = r#"{"username":"ann","client":"3f0c9a"}"#;
}

impl NewPresence {
    /// Who is there, and for how long.
    pub(super) fn presence(self) -> Result<Presence, Problem> {
        let seconds = self.lease_seconds.map_or(Some(DEFAULT_LEASE_SECONDS), |seconds| seconds.as_u64());
        let Some(seconds @ 1..=MAX_LEASE_SECONDS) = seconds else {
            let detail = format!("leaseSeconds is a whole number from 1 to {MAX_LEASE_SECONDS}");
            return Err(Problem::bad_request(detail).in_field("leaseSeconds"));
        };
        let leaving = self.leaving.unwrap_or(false);
        Ok(Presence {
            room: Self::optional("room", self.room, Room::new)?.unwrap_or_default(),
            username: Self::required("username", self.username, Username::new)?,
            client: Self::required("client", self.client, Client::new)?,
            lease: (!leaving).then_some(Duration::from_secs(seconds)),
        })
    }
}
