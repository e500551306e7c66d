//! `GET /dashboard-events`: the metrics, with the tutorial's event names and fields.

use actix_web::{HttpRequest, HttpResponse};
use sse_core::payload::Connected;
use sse_core::{Event, EventType};

use super::error::Problem;
use super::opening::{PARAMETERS, open};
use super::query::Query;
use crate::hub::Selectors;
use crate::source::metrics;

pub(super) async fn stream(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &PARAMETERS)?;
    let greeting = Connected { message: "Connected to system monitor".into() };
    let data = serde_json::to_string(&greeting).expect("strings become JSON");
    let connected = EventType::new("connected").expect("not empty, one line");
    let greeting = Event::new(data).with_type(connected);
    open(&request, &query, Selectors::exactly(metrics::topic()), greeting)
}
