//! `GET /dashboard-events`: the metrics, with the tutorial's event names and fields.

use actix_web::{HttpRequest, HttpResponse};

use super::error::Problem;
use super::opening::{PARAMETERS, connected, open};
use super::query::Query;
use crate::selectors::Selectors;
use crate::source::metrics;

pub(super) async fn stream(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &PARAMETERS)?;
    let greeting = connected("Connected to system monitor");
    open(&request, &query, Selectors::exactly(metrics::topic()), greeting)
}
