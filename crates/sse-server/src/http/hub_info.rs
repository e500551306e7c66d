//! `GET /hub`: what this hub is and what it does now, in a few figures.

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sse_hub::Counters;

use super::app_state::AppState;
use super::json_body::json_of_now;
use super::problem_details::Problem;
use super::query::Query;
use crate::auth::Access;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HubInfo<'a> {
    version: &'static str,
    apps: &'a [&'static str],
    /// What goes on beyond what one may read is for operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    connections_open: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topics: Option<usize>,
}

pub(super) async fn show(request: HttpRequest, access: Access) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let state = AppState::of(&request);
    let (mut connections_open, mut topics) = (None, None);
    if access.is_admin() {
        connections_open = Some(Counters::get(&state.hub().counters().connections_open));
        topics = Some(state.hub().topic_count().await?);
    }
    let info = HubInfo { version: env!("CARGO_PKG_VERSION"), apps: &state.apps, connections_open, topics };
    Ok(json_of_now(info))
}
