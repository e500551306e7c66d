//! `/chat/messages`, `/chat/presence`, `/chat/users`: what people say, and who is there. The event stream is in `events.rs`.
//! Picks the statuses of refusals.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::events::{self, ROOM, address, room};
use super::forms::{self, NewMessage, NewPresence, Presence};
use super::names::Username;
use super::publisher::{Chat, ChatError};
use crate::auth::Access;
use crate::http::{
    Endpoint, Form as _, GET, KEY_PARAMETER, POST, Problem, Query, READ, json_of_now, key, read_text,
};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new("/chat/events").on(GET, events::open),
        Endpoint::new("/chat/messages").on(POST, message),
        Endpoint::new("/chat/presence").on(POST, presence),
        Endpoint::new("/chat/users").on(READ, users),
    ]
}

/// Answer to a message.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageStored {
    id: String,
    event_id: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
}

/// Answer to a client that is there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PresenceJson<'a> {
    room: &'a str,
    /// As others see it.
    username: &'a str,
    lease_seconds: u64,
    /// How many are in the room.
    users: usize,
}

#[derive(Serialize)]
struct UsersJson<'a> {
    room: &'a str,
    users: Vec<&'a str>,
}

/// `POST /chat/messages`
async fn message(request: HttpRequest, access: Access, payload: Payload) -> Result<HttpResponse, Problem> {
    access.check_publishes()?;
    let query = Query::read(&request, &[KEY_PARAMETER])?;
    let key = key(&request, &query)?;
    let text = read_text(&request, &access, payload, "a chat message", forms::MAX_BYTES).await?;
    let message = NewMessage::read(&text)?.message(key, &access)?;
    access.check_publish(message.room.topic())?;
    let posted = Chat::of(&request).say(message, address(&request)).await?;
    let json =
        MessageStored { id: posted.id, event_id: posted.event_id.to_string(), repeated: posted.repeated };
    Ok(HttpResponse::Ok().json(json))
}

/// `POST /chat/presence`
async fn presence(request: HttpRequest, access: Access, payload: Payload) -> Result<HttpResponse, Problem> {
    access.check_publishes()?;
    Query::read(&request, &[])?;
    let text = read_text(&request, &access, payload, "a presence", forms::MAX_BYTES).await?;
    let Presence { room, username, client, lease } = NewPresence::read(&text)?.presence(&access)?;
    access.check_publish(room.topic())?;
    // The answer says how many are there.
    access.check_subscribe(room.topic())?;
    let chat = Chat::of(&request);
    let Some(lease) = lease else {
        chat.leave(&room, &username, &client);
        return Ok(HttpResponse::NoContent().finish());
    };
    chat.enter(&room, &username, client, Some(lease), address(&request)).await?;
    let users = chat.usernames(&room).await?.len();
    let json = PresenceJson {
        room: room.name(),
        username: username.as_str(),
        lease_seconds: lease.as_secs(),
        users,
    };
    Ok(HttpResponse::Ok().json(json))
}

/// `GET /chat/users`
async fn users(request: HttpRequest, access: Access) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &[ROOM])?;
    let room = room(&query)?;
    access.check_subscribe(room.topic())?;
    let usernames = Chat::of(&request).usernames(&room).await?;
    let users = usernames.iter().map(Username::as_str).collect();
    let json = UsersJson { room: room.name(), users };
    Ok(json_of_now(json))
}

impl From<ChatError> for Problem {
    fn from(error: ChatError) -> Self {
        match error {
            ChatError::RateLimited(limited) => limited.into(),
            ChatError::RoomFull(_) | ChatError::TooManyRooms(_) => Self::conflict(error),
            ChatError::Append(error) => error.into(),
            ChatError::Read(error) => error.into(),
        }
    }
}
