//! `GET /chat/events`: the events of one room. Keeps the one who is named in it there while it is open.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;

use super::{ROOM, address, room};
use crate::chat::{Stay, Username};
use crate::http::Worker;
use crate::http::error::Problem;
use crate::http::opening::{self, PARAMETERS};
use crate::http::query::Query;
use crate::selectors::Selectors;

const USERNAME: &str = "username";

/// The body of a stream, and what ends with it.
struct Held {
    body: BoxBody,
    _stay: Stay,
}

pub(in crate::http) async fn open(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &[&[ROOM, USERNAME], &PARAMETERS[..]].concat())?;
    let room = room(&query)?;
    let username = query.get(USERNAME).map(Username::new).transpose().map_err(Problem::bad_request)?;
    let greeting = opening::connected(format!("Connected to chat room {room}"));
    let selectors = Selectors::exactly(room.topic().clone());
    // Subscribed first: who comes by this stream sees the event that says so.
    let response = opening::open(&request, &query, selectors, greeting)?;
    let Some(username) = username else { return Ok(response) };
    let stay = Worker::of(&request).chat.stay(room, username, address(&request)).await?;
    Ok(response.map_body(|_, body| BoxBody::new(Held { body, _stay: stay })))
}

impl MessageBody for Held {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        // The body is a stream's writer, whose errors are `Infallible` too: one that comes ends the stream.
        Pin::new(&mut self.body).poll_next(context).map(|piece| piece.and_then(Result::ok).map(Ok))
    }
}
