//! A page of kept events as JSON: what history and long-poll answer. Written event by event as the connection takes it.

use std::iter::{once, once_with};
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sse_core::payload::Gap;
use sse_core::{HubBlock, RecordId};
use sse_hub::{Budget, EventPage, Held, Hub, KeptEvent, Selectors, Start};

use super::json_parts::{json, json_of_parts, json_slices};
use super::problem_details::Problem;
use super::query::Query;

/// Events in a page: default, and most.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
/// Bytes of events after which no further one is added to a page, so that a page is not larger than this and one
/// event.
const MAX_BYTES: usize = 256 << 10;

/// What an event begins with, up to its data.
#[derive(Serialize)]
struct BeforeData<'a> {
    id: String,
    topic: &'a str,
    event: &'a str,
}

/// What follows the data.
#[derive(Serialize)]
struct AfterData<'a> {
    time: &'a str,
    /// `end`: the hub's own, and not published.
    #[serde(skip_serializing_if = "Option::is_none")]
    hub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<u64>,
}

/// What follows the events.
#[derive(Serialize)]
struct AfterEvents {
    next: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<Gap>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ended: bool,
}

/// A page, and what it takes of the budget.
pub(super) struct HeldPage {
    pub(super) page: EventPage,
    held: Held,
}

/// Reads a page from `start` on.
pub(super) async fn read(
    hub: &Hub,
    selectors: &Selectors,
    start: Start,
    limit: usize,
) -> Result<HeldPage, Problem> {
    // Before it is read: that many requests at once read no more than there is room for.
    let mut held = hub.budget().try_hold(MAX_BYTES).ok_or_else(Problem::over_budget)?;
    let page = hub.page(selectors, start, limit, MAX_BYTES as u64).await;
    let page = page.inspect_err(|error| tracing::error!(%error, %selectors, "page not read"))?;
    let bytes = page.events.iter().map(|kept| size_of::<KeptEvent>() + kept.event.data().len()).sum();
    held.shrink_to(bytes);
    match held.grow(bytes - held.bytes()) {
        true => Ok(HeldPage { page, held }),
        false => Err(Problem::over_budget()),
    }
}

impl HeldPage {
    /// A page without events.
    pub(super) fn empty(budget: &Budget, next: RecordId) -> Result<Self, Problem> {
        let held = budget.try_hold(0).ok_or_else(Problem::over_budget)?;
        Ok(Self { page: EventPage { events: Vec::new(), next, gap: None, ended: false }, held })
    }

    pub(super) fn response(self, request: &HttpRequest) -> HttpResponse {
        let EventPage { events, next, gap, ended } = self.page;
        let separators = once("").chain(std::iter::repeat(","));
        let events = separators.zip(events).flat_map(|(separator, kept)| parts(separator, kept));
        let end = once_with(move || {
            json(&AfterEvents { next: next.to_string(), gap, ended }).replacen('{', "],", 1)
        });
        let parts = once("{\"events\":[".to_owned()).chain(events).chain(end);
        json_of_parts(request, parts, self.held)
    }
}

/// How many events the request asks for.
pub(super) fn limit(query: &Query) -> Result<usize, Problem> {
    Ok(query.number("limit", MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT))
}

/// One event, for programs that do not read event streams: `id`, `topic`, `event`, `data`, `time`, `retry`.
fn parts(separator: &str, KeptEvent { id, event }: KeptEvent) -> impl Iterator<Item = String> {
    let before = json(&BeforeData {
        id: id.to_string(),
        topic: event.topic().unwrap_or_default(),
        event: event.event_type().map_or("message", |event_type| event_type.as_str()),
    });
    let after = json(&AfterData {
        time: event.time().unwrap_or_default(),
        hub: event.hub().map(HubBlock::as_str),
        retry: event.retry().map(milliseconds),
    });
    let before = format!("{separator}{},\"data\":\"", before.trim_end_matches('}'));
    once(before).chain(json_slices(event.into_data())).chain(once(after.replacen('{', "\",", 1)))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
