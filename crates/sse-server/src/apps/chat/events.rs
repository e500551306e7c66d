//! `GET /chat/events`: the events of one room. Keeps the one who is named in it there while the connection is open.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;
use sse_hub::Selectors;

use super::forms::{USERNAME, known_as};
use super::names::{Room, Username};
use super::publisher::Chat;
use crate::auth::Access;
use crate::http::{
    AppState, EventStream, PARAMETERS, Problem, Query, check_origin, connected, send_away, subscribe,
};

/// Parameter with the name of a room.
pub(super) const ROOM: &str = "room";

pub(super) async fn open(request: HttpRequest, access: Access) -> Result<EventStream, Problem> {
    let query = Query::read(&request, &[&[ROOM, USERNAME], &PARAMETERS[..]].concat())?;
    let room = room(&query)?;
    let given = query.get(USERNAME).map(Username::new).transpose().map_err(Problem::bad_request)?;
    let username = if given.is_some() { known_as(given, &access)? } else { None };
    if username.is_some() {
        access.check_publish(room.topic())?;
        check_origin(&request)?;
    }
    let greeting = connected(format!("Connected to chat room {}", room.name()));
    let selectors = Selectors::exactly(room.topic().clone());
    // Subscribed first: who comes by this connection sees the event that says so.
    let response = subscribe(&request, &access, &query, selectors, greeting).await?;
    let Some(username) = username else { return Ok(response) };
    match Chat::of(&request).stay(room, username, address(&request)).await {
        Ok(guard) => Ok(response.map_body(|_, body| body.holding(guard))),
        Err(error) => send_away(&request, error.into()),
    }
}

/// The room that the request names, or the lobby.
pub(super) fn room(query: &Query) -> Result<Room, Problem> {
    query.get(ROOM).map_or_else(|| Ok(Room::default()), Room::new).map_err(Problem::bad_request)
}

/// The network that the request comes from. Programs on this machine are one.
pub(super) fn address(request: &HttpRequest) -> IpAddr {
    let client = AppState::of(request).clients.client(request.head());
    client.unwrap_or(Ipv4Addr::UNSPECIFIED.into())
}

impl Chat {
    /// The chat that this request is for.
    pub(super) fn of(request: &HttpRequest) -> &Self {
        request.app_data().expect("the application adds it to every worker")
    }
}
