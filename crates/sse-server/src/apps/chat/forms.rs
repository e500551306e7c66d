//! The JSON that a chat is sent: what each field may say.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Number;

use super::names::{Client, Room, Text, Username};
use super::publisher::Message;
use crate::auth::Access;
use crate::http::{Form, Problem, idempotency_key};

/// Most bytes of a body: the longest text with every character written as two `\u` escapes, and the rest.
pub(super) const MAX_BYTES: usize = 32 << 10;

/// Field, or parameter, with the name of a person.
pub(super) const USERNAME: &str = "username";

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

/// What somebody goes by: the name of their token, else the one that they give.
pub(super) fn known_as(given: Option<Username>, access: &Access) -> Result<Option<Username>, Problem> {
    let Some(own) = access.name() else { return Ok(given) };
    let own = Username::new(own).map_err(|error| Problem::forbidden(format!("the token's name: {error}")))?;
    if given.is_some_and(|given| given != own) {
        let detail = format!("the token is that of {:?}; leave username out, or give this one", own.as_str());
        return Err(Problem::forbidden(detail).in_field(USERNAME));
    }
    Ok(Some(own))
}

fn username<F: Form>(given: Option<String>, access: &Access) -> Result<Username, Problem> {
    let known = known_as(F::optional(USERNAME, given, Username::new)?, access)?;
    known.map_or_else(|| F::required(USERNAME, None, Username::new), Ok)
}

impl Form for NewMessage {
    const EXAMPLE: &str = r#"{"username":"ann","text":"hello"}"#;
}

impl NewMessage {
    /// The message. `key` is what the request says beside its body; `access` is of who sends it.
    pub(super) fn message(self, key: Option<String>, access: &Access) -> Result<Message, Problem> {
        let own = Self::optional("key", self.key, idempotency_key)?;
        if let (Some(own), Some(key)) = (&own, &key)
            && own != key
        {
            let detail = "the key of the body and that of the request differ; give one value, once";
            return Err(Problem::bad_request(detail).in_field("key"));
        }
        Ok(Message {
            room: Self::optional("room", self.room, Room::new)?.unwrap_or_default(),
            username: username::<Self>(self.username, access)?,
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
    pub(super) fn presence(self, access: &Access) -> Result<Presence, Problem> {
        let seconds = self.lease_seconds.map_or(Some(DEFAULT_LEASE_SECONDS), |seconds| seconds.as_u64());
        let Some(seconds @ 1..=MAX_LEASE_SECONDS) = seconds else {
            let detail = format!("leaseSeconds is a whole number from 1 to {MAX_LEASE_SECONDS}");
            return Err(Problem::bad_request(detail).in_field("leaseSeconds"));
        };
        let leaving = self.leaving.unwrap_or(false);
        Ok(Presence {
            room: Self::optional("room", self.room, Room::new)?.unwrap_or_default(),
            username: username::<Self>(self.username, access)?,
            client: Self::required("client", self.client, Client::new)?,
            lease: (!leaving).then_some(Duration::from_secs(seconds)),
        })
    }
}
