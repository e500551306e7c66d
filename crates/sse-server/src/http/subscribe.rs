//! How an event stream opens: where it starts, its headers, its greeting.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::http::{ConnectionType, Version};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use sse_core::payload::Connected;
use sse_core::{Event, encode};
use sse_hub::{CloseReason, ReadError, Seek, Selectors, Start, Transport};

use super::app_state::AppState;
use super::problem_details::Problem;
use super::query::{self, Query};
use crate::auth::{Access, StreamEnd};
use crate::client_limits::Slot;
use crate::json_event::json_event;
use crate::transport::{End, EventBody, LastWords, Opening, Subscriber};

/// When a subscriber is to come back that cannot be served now, drawn anew for each.
const COME_BACK_MILLIS: RangeInclusive<u64> = 5000..=15_000;

/// When a reader is to come back whose token is not good any more.
const RETRY_MILLIS: RangeInclusive<u64> = 1000..=2000;

/// When somebody may have closed a stream.
const RETRY_AFTER_SECONDS: u64 = 5;

const LAST_EVENT_ID: &str = "last_event_id";
const GREETING: &str = "greeting";
const STRICT: (&str, &str) = ("strict", "1");
const END: (&str, &str) = ("end", "abort");

/// The parameters of every event stream.
pub(crate) const PARAMETERS: [&str; 6] =
    [LAST_EVENT_ID, query::LAST, query::SINCE, GREETING, STRICT.0, END.0];

/// The answer of an event stream.
pub(crate) type EventStream = HttpResponse<EventBody>;

/// Answers with an event stream of what may be read of these topics; it opens with `greeting`, and ends with the token.
pub(crate) async fn subscribe(
    request: &HttpRequest,
    access: &Access,
    query: &Query,
    asked: Selectors,
    greeting: Event,
) -> Result<EventStream, Problem> {
    let state = AppState::of(request);
    is_set(query, STRICT)?;
    let slot = match slot_of_subject(state, access) {
        Ok(slot) => slot,
        Err(problem) => return send_away(request, problem),
    };
    let selectors = access.narrow(&asked)?;
    let start = start(request, query)?;
    let is_over = match state.hub().is_over(&start, &selectors).await {
        Ok(is_over) => is_over,
        Err(error) => return unreadable(request, &error),
    };
    if is_over {
        // The one answer after which an `EventSource` does not come back.
        let mut response =
            HttpResponse::NoContent().finish().set_body(EventBody::ending(Bytes::new(), End::Clean));
        response.head_mut().no_chunking(true);
        return Ok(response);
    }
    // Who resumes has an id, and who asks for all that is kept does so again.
    let with_id = matches!(start, Start::Now | Start::Kept(Seek::Last(_) | Seek::Since(_)));
    let greeting = has_greeting(query)?.then_some(greeting);
    let end = end(query)?;
    // Subscribed first, greeted second: what is published between the two is in the stream.
    let body = match state.fanout.subscribe(selectors, start).await {
        Ok(subscription) => {
            let opening = Opening { greeting, with_id };
            let drain = Arc::clone(&state.drain);
            let connection = (transport(request), request.peer_addr());
            let mut subscriber = Subscriber::new(subscription, opening, connection, drain);
            if end == End::Abort {
                subscriber.abort();
            }
            if let Some(end) = state.auth.end_of_stream(access) {
                subscriber.end_after(async move {
                    let _slot = slot;
                    last_words_at(end).await
                });
            }
            EventBody::new(subscriber, request.conn_data().cloned(), state.heartbeat)
        }
        Err(error) => return unreadable(request, &error),
    };
    let mut answer = stream(request, body);
    state.name_reader(access, answer.headers_mut());
    Ok(answer)
}

/// What carries the connection of a request.
fn transport(request: &HttpRequest) -> Transport {
    let is_tls = AppState::of(request).is_tls;
    match (request.version() == Version::HTTP_2, request.peer_addr()) {
        (false, None) => Transport::Http1Unix,
        (false, Some(_)) if is_tls => Transport::Http1Tls,
        (false, Some(_)) => Transport::Http1,
        (true, None) => Transport::Http2Unix,
        (true, Some(_)) if is_tls => Transport::Http2Tls,
        (true, Some(_)) => Transport::Http2,
    }
}

/// A place for one more stream of who asks.
fn slot_of_subject(state: &AppState, access: &Access) -> Result<Slot<String>, Problem> {
    let subject = access.limited_subject();
    state.clients.subscribe_of(subject)?;
    state.clients.connect_of(subject).ok_or_else(|| {
        Problem::too_many(
            "this subject has too many event streams open; close some of them",
            RETRY_AFTER_SECONDS,
        )
    })
}

/// What is answered to one that is to come back later, over a limit above all: any status but 200 would end an `EventSource`
/// for good. With `strict=1` it is the problem itself.
pub(crate) fn send_away(request: &HttpRequest, problem: Problem) -> Result<EventStream, Problem> {
    let asks = |parameter| {
        let mut given = form_urlencoded::parse(request.query_string().as_bytes());
        given.any(|(name, value)| (&*name, &*value) == parameter)
    };
    if asks(STRICT) {
        return Err(problem);
    }
    let end = if asks(END) { End::Abort } else { End::Clean };
    Ok(stream(request, EventBody::ending(last_words(COME_BACK_MILLIS, problem.detail()), end)))
}

fn unreadable(request: &HttpRequest, error: &ReadError) -> Result<EventStream, Problem> {
    // Under a target that is not ours, so that it is limited as foreign lines are.
    tracing::warn!(target: "request", %error, "subscription refused for now");
    send_away(request, Problem::not_now())
}

/// The answer with this body.
fn stream(request: &HttpRequest, body: EventBody) -> EventStream {
    let mut response = HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-cache, no-transform"))
        .insert_header(("X-Accel-Buffering", "no"))
        .finish()
        .set_body(body);
    // HTTP/1.0 has no chunks: a body ends with its connection.
    response.head_mut().no_chunking(request.version() < Version::HTTP_11);
    response.head_mut().set_connection_type(ConnectionType::Close);
    response
}

/// What is said at the end.
async fn last_words_at(end: impl Future<Output = StreamEnd>) -> LastWords {
    let (text, reason) = match end.await {
        StreamEnd::Expired => ("the token has expired; come back with a new one", CloseReason::Expired),
        StreamEnd::SignedOut => ("signed out", CloseReason::SignedOut),
    };
    (last_words(RETRY_MILLIS, text), reason)
}

/// The end of an event stream, when to come back, and why.
fn last_words(retry_millis: RangeInclusive<u64>, text: &str) -> Bytes {
    let mut blocks = Vec::with_capacity(96);
    encode::retry(&mut blocks, Duration::from_millis(fastrand::u64(retry_millis)));
    encode::comment(&mut blocks, text);
    blocks.into()
}

/// The greeting of the event streams that have a path of their own.
pub(crate) fn connected(message: impl Into<String>) -> Event {
    json_event("connected", &Connected { message: message.into() })
}

fn has_greeting(query: &Query) -> Result<bool, Problem> {
    match query.get(GREETING) {
        None | Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(text) => Err(Problem::bad_request(format!("{GREETING} is on or off, not {text:?}"))),
    }
}

/// How the stream ends while its topics go on.
fn end(query: &Query) -> Result<End, Problem> {
    Ok(if is_set(query, END)? { End::Abort } else { End::Clean })
}

/// Is the parameter there, with its one value?
fn is_set(query: &Query, (name, only): (&str, &str)) -> Result<bool, Problem> {
    match query.get(name) {
        None => Ok(false),
        Some(text) if text == only => Ok(true),
        Some(text) => Err(Problem::bad_request(format!("{name} is {only} or left out, not {text:?}"))),
    }
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
