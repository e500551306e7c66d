//! The JSON that a chat is sent: what each field may say.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Number;

use super::chat::Message;
use super::names::{Client, Room, Text, Username};
use crate::http::{Form, Problem, checked, idempotency_key};

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
    #[serde(default, deserialize_with = "username")]
    username: Option<Username>,
    #[serde(default, deserialize_with = "text")]
    text: Option<Text>,
    #[serde(default, deserialize_with = "room")]
    room: Option<Room>,
    #[serde(default, deserialize_with = "key")]
    key: Option<String>,
}

/// A client that says that somebody is there, or not any more, as it is posted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct NewPresence {
    #[serde(default, deserialize_with = "username")]
    username: Option<Username>,
    #[serde(default, deserialize_with = "client")]
    client: Option<Client>,
    #[serde(default, deserialize_with = "room")]
    room: Option<Room>,
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
        if let (Some(own), Some(key)) = (&self.key, &key)
            && own != key
        {
            let detail = "the key of the body and that of the request differ; give one value, once";
            return Err(Problem::bad_request(detail).in_field("key"));
        }
        Ok(Message {
            room: self.room.unwrap_or_default(),
            username: Self::required("username", self.username)?,
            text: Self::required("text", self.text)?,
            key: self.key.or(key),
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
            room: self.room.unwrap_or_default(),
            username: Self::required("username", self.username)?,
            client: Self::required("client", self.client)?,
            lease: (!leaving).then_some(Duration::from_secs(seconds)),
        })
    }
}

fn username<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Username>, D::Error> {
    checked(value, Username::new)
}

fn text<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Text>, D::Error> {
    checked(value, Text::new)
}

fn client<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Client>, D::Error> {
    checked(value, Client::new)
}

fn room<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Room>, D::Error> {
    checked(value, |name| Room::new(Some(name)))
}

fn key<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    checked(value, idempotency_key)
}
