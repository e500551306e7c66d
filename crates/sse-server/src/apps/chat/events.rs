//! `GET /chat/events`: the events of one room. Keeps the one who is named in it there while the connection is open.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use sse_hub::Selectors;

use super::chat::{Chat, PresenceGuard};
use super::names::{Room, Username};
use crate::http::{PARAMETERS, Problem, Query, connected, subscribe};

/// Parameter with the name of a room.
pub(super) const ROOM: &str = "room";
const USERNAME: &str = "username";

/// The body of a response, and what ends with it.
struct GuardedBody {
    body: BoxBody,
    _guard: PresenceGuard,
}

pub(super) async fn open(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &[&[ROOM, USERNAME], &PARAMETERS[..]].concat())?;
    let room = room(&query)?;
    let username = query.get(USERNAME).map(Username::new).transpose().map_err(Problem::bad_request)?;
    let greeting = connected(format!("Connected to chat room {room}"));
    let selectors = Selectors::exactly(room.topic().clone());
    // Subscribed first: who comes by this connection sees the event that says so.
    let response = subscribe(&request, &query, selectors, greeting).await?;
    let Some(username) = username else { return Ok(response) };
    let guard = Chat::of(&request).stay(room, username, address(&request)).await?;
    Ok(response.map_body(|_, body| BoxBody::new(GuardedBody { body, _guard: guard })))
}

impl MessageBody for GuardedBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        // The body is an event stream's, whose errors are `Infallible` too: one that comes ends the stream.
        Pin::new(&mut self.body).poll_next(context).map(|piece| piece.and_then(Result::ok).map(Ok))
    }
}

/// The room that the request names, or the lobby.
pub(super) fn room(query: &Query) -> Result<Room, Problem> {
    query.get(ROOM).map_or_else(|| Ok(Room::default()), Room::new).map_err(Problem::bad_request)
}

/// Where the request comes from. Without an address, as on a Unix socket, all are one.
pub(super) fn address(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip())
}

impl Chat {
    /// The chat that this request is for.
    pub(super) fn of(request: &HttpRequest) -> &Self {
        request.app_data().expect("the application adds it to every worker")
    }
}
