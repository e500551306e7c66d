//! A page of kept events as JSON: what history and long-poll answer.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use serde::{Serialize, Serializer};
use sse_core::payload::{Gap, GapReason};
use sse_core::{Decoder, Limits, RecordId};

use super::error::Problem;
use super::query::Query;
use crate::hub::{Hub, Place};
use crate::log::{Depth, Page, Read, ReadError, Record};
use crate::selectors::Selectors;

/// Events in a page: default, and most.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
/// Bytes of events after which no further one is added to a page, so that a page is not larger than this and one
/// event.
const MAX_BYTES: u64 = 4 << 20;

/// The frames are our own, so they have passed their limits when they were published.
const NO_LIMITS: Limits = Limits { max_line_bytes: usize::MAX, max_event_bytes: usize::MAX };

/// Events, and the id to go on from.
#[derive(Debug, Serialize)]
pub(super) struct EventPage {
    events: Vec<KeptEvent>,
    #[serde(serialize_with = "as_text")]
    next: RecordId,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<Gap>,
}

/// One event, for programs that do not read streams.
#[derive(Debug, Serialize)]
struct KeptEvent {
    id: String,
    topic: String,
    event: String,
    data: String,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<u64>,
}

impl EventPage {
    /// Reads the page after `place`.
    pub(super) async fn read(
        hub: &Hub,
        selectors: Selectors,
        place: &Place,
        limit: usize,
    ) -> Result<Self, Problem> {
        let after = place.seq();
        let read =
            Read { selectors, after, known: 0, depth: Depth::All, max_records: limit, max_bytes: MAX_BYTES };
        let page =
            hub.read(read).await.inspect_err(|error| tracing::error!(%error, after, "page not read"))?;
        let mut decoder = Decoder::with_limits(NO_LIMITS);
        let events = page.records.iter().map(|record| KeptEvent::new(hub, record, &mut decoder));
        let events = events.collect::<Result<_, _>>().inspect_err(|error| tracing::error!(%error))?;
        let next = hub.id(page.complete_to.max(after));
        Ok(Self { events, next, gap: gap(hub, place, &page) })
    }

    /// No events, at this position.
    pub(super) fn empty(position: RecordId) -> Self {
        Self { events: Vec::new(), next: position, gap: None }
    }

    /// Has nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.gap.is_none()
    }

    /// Where to go on: every wanted event up to here is in this page or one before it.
    pub(super) fn next(&self) -> RecordId {
        self.next
    }

    /// The page as an answer. It is of this moment, so nobody shall keep it.
    pub(super) fn into_response(self) -> HttpResponse {
        HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(self)
    }
}

impl KeptEvent {
    fn new(hub: &Hub, record: &Arc<Record>, decoder: &mut Decoder) -> Result<Self, ReadError> {
        let event = decoder.feed(&record.frame).last();
        let damaged = || ReadError(format!("the record with seq {} is not an event", record.seq));
        let event = event.and_then(Result::ok).ok_or_else(damaged)?;
        Ok(Self {
            id: hub.id(record.seq).to_string(),
            topic: record.topic.to_string(),
            event: event.event_type().map_or("message", |event_type| event_type.as_str()).to_owned(),
            retry: event.retry().map(milliseconds),
            data: event.into_data(),
            time: rfc3339(record.time),
        })
    }
}

/// What the reader asked for and cannot get any more; the same rule as for streams.
fn gap(hub: &Hub, place: &Place, page: &Page) -> Option<Gap> {
    let (requested, reason) = match place {
        Place::Unknown(id) => (id.clone(), GapReason::UnknownId),
        Place::Head(seq) | Place::After(seq) if page.lost.removed > 0 => {
            (hub.id(*seq).to_string(), GapReason::Expired)
        }
        _ => return None,
    };
    let first = page.records.first().map_or(page.complete_to, |record| record.seq);
    Some(Gap { requested, first: hub.id(first).to_string(), reason })
}

/// How many events the request asks for.
pub(super) fn limit(query: &Query) -> Result<usize, Problem> {
    let Some(text) = query.get("limit") else { return Ok(DEFAULT_LIMIT) };
    match text.parse() {
        Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        _ => Err(Problem::bad_request(format!("limit is a number from 1 to {MAX_LIMIT}, not {text:?}"))),
    }
}

fn as_text<S: Serializer>(id: &RecordId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970 as our events carry the time.
fn rfc3339(millis: u64) -> String {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    format!("{:.3}", jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX))
}
