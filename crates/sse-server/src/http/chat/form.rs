//! The JSON that a chat is sent: checked field by field; each complaint names its field.

use std::time::Duration;

use serde::Deserialize;

use crate::chat::{Client, Message, Room, Text, Username};
use crate::http::error::Problem;
use crate::http::fields;

/// Most bytes of a body: the longest text with every character written as two `\u` escapes, and the rest.
pub(super) const MAX_BYTES: usize = 32 << 10;

/// How long a client that says nothing else is taken to be there.
const DEFAULT_LEASE_SECONDS: u64 = 45;
/// Longest lease, and so the longest that somebody who vanished without a word can stay in the list.
const MAX_LEASE_SECONDS: u64 = 300;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageForm {
    username: String,
    text: String,
    room: Option<String>,
    key: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PresenceForm {
    username: String,
    client: String,
    room: Option<String>,
    lease_seconds: Option<u64>,
    #[serde(default)]
    leaving: bool,
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

impl MessageForm {
    pub(super) fn read(json: &str) -> Result<Self, Problem> {
        parse(json, r#"{"username":"ann","text":"hello"}"#)
    }

    /// The message. `key` is what the request says beside its body.
    pub(super) fn message(self, key: Option<String>) -> Result<Message, Problem> {
        let own = self.key.as_deref().map(|own| field("key", fields::key(own))).transpose()?;
        if let (Some(own), Some(key)) = (&own, &key)
            && own != key
        {
            let detail = "the key of the body and that of the request differ; give one value, once";
            return Err(Problem::bad_field("key", detail));
        }
        Ok(Message {
            room: field("room", Room::new(self.room.as_deref()))?,
            username: field("username", Username::new(&self.username))?,
            text: field("text", Text::new(&self.text))?,
            key: own.or(key),
        })
    }
}

impl PresenceForm {
    pub(super) fn read(json: &str) -> Result<Self, Problem> {
        parse(json, r#"{"username":"ann","client":"3f0c9a"}"#)
    }

    pub(super) fn presence(self) -> Result<Presence, Problem> {
        let lease = match self.lease_seconds.unwrap_or(DEFAULT_LEASE_SECONDS) {
            seconds @ 1..=MAX_LEASE_SECONDS => Duration::from_secs(seconds),
            _ => {
                let detail = format!("leaseSeconds is from 1 to {MAX_LEASE_SECONDS}");
                return Err(Problem::bad_field("leaseSeconds", detail));
            }
        };
        Ok(Presence {
            room: field("room", Room::new(self.room.as_deref()))?,
            username: field("username", Username::new(&self.username))?,
            client: field("client", Client::new(&self.client))?,
            lease: (!self.leaving).then_some(lease),
        })
    }
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str, example: &str) -> Result<T, Problem> {
    serde_json::from_str(json).map_err(|error| {
        Problem::bad_request(format!(
            "the body is one JSON object such as {example}; this one is not: {error}"
        ))
    })
}

fn field<T>(name: &str, checked: Result<T, String>) -> Result<T, Problem> {
    checked.map_err(|detail| Problem::bad_field(name, detail))
}
