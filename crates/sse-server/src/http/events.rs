//! `GET /events`: any topics, resumable.

use actix_web::{HttpRequest, HttpResponse};
use sse_core::Event;
use sse_core::payload::ServerTime;

use super::error::Problem;
use super::opening::{PARAMETERS, open};
use super::query::Query;
use crate::source::timestamp;

pub(super) async fn stream(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &[&["topic"], &PARAMETERS[..]].concat())?;
    let selectors = query.selectors()?;
    let greeting = ServerTime { time: timestamp(), message: "Connected to event stream".into() };
    let data = serde_json::to_string(&greeting).expect("strings become JSON");
    open(&request, &query, selectors, Event::new(data))
}
