//! How an event stream opens: where it starts, its headers, the retry hint and the greeting.

use std::rc::Weak;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, UPGRADE};
use actix_web::http::{ConnectionType, Version};
use actix_web::{HttpRequest, HttpResponse};
use sse_core::payload::Connected;
use sse_core::{Event, HubBlock, encode};
use sse_hub::{DirectWriter, Selectors, Start};

use super::app_state::AppState;
use super::event_body::EventBody;
use super::problem_details::Problem;
use super::query::{self, Query};
use crate::json_event::json_event;

/// Reconnection time that an event stream suggests, drawn anew for each so that a restart does not bring all subscribers
/// back in the same instant.
const RETRY_MILLIS: std::ops::RangeInclusive<u64> = 1000..=2000;

const LAST_EVENT_ID: &str = "last_event_id";

/// The parameters of every event stream.
pub(crate) const PARAMETERS: [&str; 3] = [LAST_EVENT_ID, query::LAST, query::SINCE];

/// The answer of an event stream.
pub(crate) type EventStream = HttpResponse<EventBody>;

/// Answers with an event stream of these topics that opens with `greeting`.
pub(crate) async fn subscribe(
    request: &HttpRequest,
    query: &Query,
    selectors: Selectors,
    greeting: Event,
) -> Result<EventStream, Problem> {
    let state = AppState::of(request);
    let start = start(request, query)?;
    // Without an id of its own, a subscriber that is cut before the first event would come back as a new one and miss
    // what was published between.
    let needs_id =
        matches!(start, Start::Now | Start::Kept(sse_hub::Seek::Last(_) | sse_hub::Seek::Since(_)));
    // Subscribed first, greeted second: what is published between the two is in the stream.
    let subscription =
        state.fanout.subscribe(selectors, start).await?.with_direct_writer(direct_writer(request));
    let mut opening = Vec::with_capacity(256);
    encode::retry(&mut opening, Duration::from_millis(fastrand::u64(RETRY_MILLIS)));
    encode::event(&mut opening, &greeting.with_hub(HubBlock::Greeting));
    if needs_id {
        encode::id_only(&mut opening, &subscription.position().to_event_id());
    }
    let mut response = HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-cache, no-transform"))
        .insert_header(("X-Accel-Buffering", "no"))
        .finish()
        .set_body(EventBody::new(subscription, opening.into(), state.heartbeat, request.peer_addr()));
    if !has_chunks(request) {
        response.head_mut().no_chunking(true);
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// Where frames may be written past the response, which has to be in chunks then: nothing may encode the body otherwise.
fn direct_writer(request: &HttpRequest) -> Option<Weak<dyn DirectWriter>> {
    // actix-http writes no chunks after a request for a WebSocket, although it announces them.
    let as_asked = has_chunks(request) && !request.headers().contains_key(UPGRADE);
    request.conn_data().filter(|_| as_asked).cloned()
}

/// HTTP/1.0 has none: a body ends with its connection.
fn has_chunks(request: &HttpRequest) -> bool {
    request.version() >= Version::HTTP_11
}

/// The greeting of the event streams that have a path of their own.
pub(crate) fn connected(message: impl Into<String>) -> Event {
    json_event("connected", &Connected { message: message.into() })
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
