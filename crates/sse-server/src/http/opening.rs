//! How a stream starts: headers, retry hint, greeting.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse};
use sse_core::{Event, encode};

use super::Worker;
use super::error::Problem;
use super::writer::Writer;
use crate::hub::{Selectors, Start};

/// Reconnection time that a stream suggests, drawn anew for each so that a restart does not bring all readers
/// back in the same instant.
const RETRY_MILLIS: std::ops::RangeInclusive<u64> = 1000..=2000;

/// Answers with a stream of these topics that opens with `greeting`.
pub(super) fn open(
    request: &HttpRequest,
    selectors: Selectors,
    start: Start,
    greeting: Event,
) -> Result<HttpResponse, Problem> {
    let worker = request.app_data::<Worker>().expect("every worker's routes carry it");
    // Without an id of its own, a reader that is cut before the first event would come back as a new one and
    // miss what was published between.
    let needs_id = start == Start::Now;
    // Subscribed first, greeted second: what is published between the two is in the stream.
    let subscription = worker.fanout.subscribe(selectors, start);
    let mut first = Vec::with_capacity(256);
    encode::retry(&mut first, Duration::from_millis(fastrand::u64(RETRY_MILLIS)));
    encode::event(&mut first, &greeting);
    if needs_id {
        encode::id_only(&mut first, &subscription.position().to_event_id());
    }
    let peer = request.peer_addr();
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-cache, no-transform"))
        .insert_header(("X-Accel-Buffering", "no"))
        .body(Writer::new(subscription, first.into(), worker.heartbeat, peer)))
}
