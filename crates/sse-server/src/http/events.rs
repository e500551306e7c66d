//! `GET /events`: any topics, resumable.

use actix_web::{HttpRequest, HttpResponse};
use sse_core::Event;
use sse_core::payload::ServerTime;

use super::error::Problem;
use super::opening::{LAST_EVENT_ID, open};
use super::query::Query;
use crate::source::timestamp;

pub(super) async fn stream(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &["topic", LAST_EVENT_ID])?;
    let selectors = query.selectors()?;
    let greeting = ServerTime { time: timestamp(), message: "Connected to event stream".into() };
    let data = serde_json::to_string(&greeting).expect("strings become JSON");
    Ok(open(&request, &query, selectors, Event::new(data)))
}
