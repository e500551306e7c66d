//! `GET /hub`: what this hub is and what it does now, in a few figures.

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sse_hub::Counters;

use super::app_state::AppState;
use super::json_body::json_of_now;
use super::problem_details::Problem;
use super::query::Query;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HubInfo<'a> {
    version: &'static str,
    apps: &'a [&'static str],
    connections_open: u64,
    topics: usize,
}

pub(super) async fn show(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let state = AppState::of(&request);
    let info = HubInfo {
        version: env!("CARGO_PKG_VERSION"),
        apps: &state.apps,
        connections_open: Counters::get(&state.hub().counters().connections_open),
        topics: state.hub().topic_count().await?,
    };
    Ok(json_of_now(info))
}
