//! How a stream starts: where, headers, retry hint, greeting.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, UPGRADE};
use actix_web::http::{ConnectionType, Version};
use actix_web::{HttpRequest, HttpResponse};
use sse_core::payload::Connected;
use sse_core::{Event, EventType, HubBlock, encode};

use super::Worker;
use super::error::Problem;
use super::query::{self, Query};
use super::writer::Writer;
use crate::connection::Outlet;
use crate::hub::Start;
use crate::selectors::Selectors;

/// Reconnection time that a stream suggests, drawn anew for each so that a restart does not bring all readers
/// back in the same instant.
const RETRY_MILLIS: std::ops::RangeInclusive<u64> = 1000..=2000;

const LAST_EVENT_ID: &str = "last_event_id";

/// The parameters of every stream.
pub(super) const PARAMETERS: [&str; 3] = [LAST_EVENT_ID, query::LAST, query::SINCE];

/// Answers with a stream of these topics that opens with `greeting`.
pub(super) fn open(
    request: &HttpRequest,
    query: &Query,
    selectors: Selectors,
    greeting: Event,
) -> Result<HttpResponse, Problem> {
    let worker = Worker::of(request);
    let start = start(request, query)?;
    // Without an id of its own, a reader that is cut before the first event would come back as a new one and
    // miss what was published between.
    let needs_id = matches!(start, Start::Now | Start::Kept(_));
    // Subscribed first, greeted second: what is published between the two is in the stream.
    let subscription = worker.fanout.subscribe(selectors, start).through(outlet(request));
    let mut first = Vec::with_capacity(256);
    encode::retry(&mut first, Duration::from_millis(fastrand::u64(RETRY_MILLIS)));
    encode::event(&mut first, &greeting.with_hub(HubBlock::Greeting));
    if needs_id {
        encode::id_only(&mut first, &subscription.position().to_event_id());
    }
    let peer = request.peer_addr();
    let mut response = HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-cache, no-transform"))
        .insert_header(("X-Accel-Buffering", "no"))
        .body(Writer::new(subscription, first.into(), worker.heartbeat, peer));
    if !has_chunks(request) {
        response.head_mut().no_chunking(true);
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// Where frames may be sent past the response, which has to be in chunks then: nothing may encode the body otherwise.
fn outlet(request: &HttpRequest) -> Option<Outlet> {
    // actix-http writes no chunks after a request for a WebSocket, although it announces them.
    let as_asked = has_chunks(request) && !request.headers().contains_key(UPGRADE);
    request.conn_data().filter(|_| as_asked).cloned()
}

/// HTTP/1.0 has none: a body ends with its connection.
fn has_chunks(request: &HttpRequest) -> bool {
    request.version() >= Version::HTTP_11
}

/// The greeting of the streams that have a path of their own.
pub(super) fn connected(message: impl Into<String>) -> Event {
    let data = serde_json::to_string(&Connected { message: message.into() }).expect("strings become JSON");
    Event::new(data).with_type(EventType::new("connected").expect("not empty, one line"))
}

/// Where the stream starts. The header wins over the parameters, because a browser that reconnects keeps the URL
/// and sends the newer id in the header.
fn start(request: &HttpRequest, query: &Query) -> Result<Start, Problem> {
    // As UTF-8, which is how browsers send it. Other bytes make an unknown id, and so a gap.
    let header = request.headers().get("last-event-id").map(|id| String::from_utf8_lossy(id.as_bytes()));
    match header.as_deref() {
        None | Some("") => query.start(LAST_EVENT_ID, Start::Now),
        Some(id) => Ok(query::after(id)),
    }
}
