//! A page of kept events as JSON: what history and long-poll answer.

use std::time::Duration;

use actix_web::HttpResponse;
use serde::Serialize;
use sse_core::payload::Gap;
use sse_hub::{EventPage, Hub, KeptEvent, Selectors, Start};

use super::json_body::json_of_now;
use super::problem_details::Problem;
use super::query::Query;

/// Events in a page: default, and most.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
/// Bytes of events after which no further one is added to a page, so that a page is not larger than this and one
/// event.
const MAX_BYTES: u64 = 4 << 20;

#[derive(Serialize)]
struct PageJson {
    events: Vec<EventJson>,
    next: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<Gap>,
}

/// One event, for programs that do not read event streams.
#[derive(Serialize)]
struct EventJson {
    id: String,
    topic: String,
    event: String,
    data: String,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<u64>,
}

/// Reads a page from `start` on.
pub(super) async fn read(
    hub: &Hub,
    selectors: &Selectors,
    start: Start,
    limit: usize,
) -> Result<EventPage, Problem> {
    let page = hub.page(selectors, start, limit, MAX_BYTES).await;
    Ok(page.inspect_err(|error| tracing::error!(%error, %selectors, "page not read"))?)
}

pub(super) fn response(EventPage { events, next, gap }: EventPage) -> HttpResponse {
    let events = events.into_iter().map(EventJson::from).collect();
    let json = PageJson { events, next: next.to_string(), gap };
    json_of_now(json)
}

/// How many events the request asks for.
pub(super) fn limit(query: &Query) -> Result<usize, Problem> {
    Ok(query.number("limit", MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT))
}

impl From<KeptEvent> for EventJson {
    fn from(KeptEvent { id, event }: KeptEvent) -> Self {
        Self {
            id: id.to_string(),
            topic: event.topic().unwrap_or_default().to_owned(),
            event: event.event_type().map_or("message", |event_type| event_type.as_str()).to_owned(),
            time: event.time().unwrap_or_default().to_owned(),
            retry: event.retry().map(milliseconds),
            data: event.into_data(),
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
