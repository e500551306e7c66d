//! `GET /events`: any topics, resumable.

use actix_web::HttpRequest;
use sse_core::payload::ServerTime;

use super::problem_details::Problem;
use super::query::Query;
use super::subscribe::{EventStream, PARAMETERS, subscribe};
use crate::auth::Access;
use crate::json_event::json_event;
use crate::timestamp;

pub(super) async fn stream(request: HttpRequest, access: Access) -> Result<EventStream, Problem> {
    let query = Query::read(&request, &[&["topic"], &PARAMETERS[..]].concat())?;
    let selectors = query.selectors()?;
    let greeting = ServerTime { time: timestamp::now(), message: "Connected to event stream".into() };
    subscribe(&request, &access, &query, selectors, json_event("message", &greeting)).await
}
