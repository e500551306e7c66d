//! `GET /topics/{topic}`: what is kept of a topic, page by page.

use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use sse_core::Topic;
use sse_hub::{Seek, Selectors, Start};

use super::app_state::AppState;
use super::event_page;
use super::problem_details::Problem;
use super::query::{LAST, Query, SINCE};
use crate::auth::Access;

pub(super) async fn page(
    request: HttpRequest,
    access: Access,
    topic: Path<String>,
) -> Result<HttpResponse, Problem> {
    let topic = Topic::new(topic.into_inner()).map_err(Problem::bad_request)?;
    access.check_subscribe(&topic)?;
    let query = Query::read(&request, &["after", LAST, SINCE, "limit"])?;
    let limit = event_page::limit(&query)?;
    let start = query.start("after", Start::Kept(Seek::Earliest))?;
    let hub = AppState::of(&request).hub();
    let page = event_page::read(hub, &Selectors::exactly(topic), start, limit).await?;
    Ok(page.response(&request))
}
