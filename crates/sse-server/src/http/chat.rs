//! `/chat/messages`, `/chat/presence`, `/chat/users`: what people say, and who is there. The stream is in `chat/stream.rs`.

mod form;
pub(super) mod stream;

use std::net::{IpAddr, Ipv4Addr};

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::error::Problem;
use super::publish::{self, KEY_PARAMETER};
use super::query::Query;
use super::{Worker, body};
use crate::chat::{Room, Username};

/// Parameter with the name of a room.
const ROOM: &str = "room";

/// Answer to a message.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SaidJson {
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
pub(super) async fn message(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &[KEY_PARAMETER])?;
    let key = publish::key(&request, &query)?;
    let text = body::text(&request, payload, "a chat message", form::MAX_BYTES).await?;
    let message = form::message(&text, key)?;
    let said = Worker::of(&request).chat.say(message, address(&request)).await?;
    let json = SaidJson { id: said.id, event_id: said.event_id.to_string(), repeated: said.repeated };
    Ok(HttpResponse::Ok().json(json))
}

/// `POST /chat/presence`
pub(super) async fn presence(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let text = body::text(&request, payload, "a presence", form::MAX_BYTES).await?;
    let form::Presence { room, username, client, lease } = form::presence(&text)?;
    let chat = &Worker::of(&request).chat;
    let Some(lease) = lease else {
        chat.leave(&room, &username, &client);
        return Ok(HttpResponse::NoContent().finish());
    };
    let users = chat.renew(&room, &username, client, lease, address(&request)).await?;
    let json = PresenceJson {
        room: room.name(),
        username: username.as_str(),
        lease_seconds: lease.as_secs(),
        users,
    };
    Ok(HttpResponse::Ok().json(json))
}

/// `GET /chat/users`
pub(super) async fn users(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &[ROOM])?;
    let room = room(&query)?;
    let usernames = Worker::of(&request).chat.usernames(&room).await?;
    let users = usernames.iter().map(Username::as_str).collect();
    let json = UsersJson { room: room.name(), users };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json))
}

fn room(query: &Query) -> Result<Room, Problem> {
    Room::new(query.get(ROOM)).map_err(Problem::bad_request)
}

/// Where the request comes from. Without an address, as on a Unix socket, all are one.
fn address(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip())
}
