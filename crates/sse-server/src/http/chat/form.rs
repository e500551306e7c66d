//! The JSON that a chat is sent: what each field may say.

use std::time::Duration;

use crate::chat::{Client, Message, Room, Text, Username};
use crate::http::error::Problem;
use crate::http::fields;
use crate::http::form::Form;

/// Most bytes of a body: the longest text with every character written as two `\u` escapes, and the rest.
pub(super) const MAX_BYTES: usize = 32 << 10;

/// How long a client that says nothing else is taken to be there.
const DEFAULT_LEASE_SECONDS: u64 = 45;
/// Longest lease, and so the longest that somebody who vanished without a word can stay in the list.
const MAX_LEASE_SECONDS: u64 = 300;

/// A client that says that somebody is there, or not any more.
#[derive(Debug)]
pub(super) struct Presence {
    pub(super) room: Room,
    pub(super) username: Username,
    pub(super) client: Client,
    /// `None`: leaving.
    pub(super) lease: Option<Duration>,
}

/// Reads a message. `key` is what the request says beside its body.
pub(super) fn message(json: &str, key: Option<String>) -> Result<Message, Problem> {
    let known = ["username", "text", "room", "key"];
    let mut form = Form::read(json, &known, r#"{"username":"ann","text":"hello"}"#)?;
    let own = form.text("key", fields::key)?;
    if let (Some(own), Some(key)) = (&own, &key)
        && own != key
    {
        let detail = "the key of the body and that of the request differ; give one value, once";
        return Err(Problem::bad_field("key", detail));
    }
    Ok(Message {
        room: room(&mut form)?,
        username: form.needed("username", Username::new)?,
        text: form.needed("text", Text::new)?,
        key: own.or(key),
    })
}

/// Reads who is there, and for how long.
pub(super) fn presence(json: &str) -> Result<Presence, Problem> {
    let known = ["username", "client", "room", "leaseSeconds", "leaving"];
    let mut form = Form::read(json, &known, r#"{"username":"ann","client":"3f0c9a"}"#)?;
    let lease = lease(&mut form)?;
    let leaving = form.value("leaving", "true or false")?.unwrap_or(false);
    Ok(Presence {
        room: room(&mut form)?,
        username: form.needed("username", Username::new)?,
        client: form.needed("client", Client::new)?,
        lease: (!leaving).then_some(lease),
    })
}

fn room(form: &mut Form) -> Result<Room, Problem> {
    let named = form.text("room", |name| Room::new(Some(name)))?;
    named.map_or_else(|| Room::new(None).map_err(Problem::bad_request), Ok)
}

fn lease(form: &mut Form) -> Result<Duration, Problem> {
    let kind = "a whole number of seconds";
    match form.value("leaseSeconds", kind)?.unwrap_or(DEFAULT_LEASE_SECONDS) {
        seconds @ 1..=MAX_LEASE_SECONDS => Ok(Duration::from_secs(seconds)),
        _ => {
            let detail = format!("leaseSeconds is from 1 to {MAX_LEASE_SECONDS}");
            Err(Problem::bad_field("leaseSeconds", detail))
        }
    }
}
