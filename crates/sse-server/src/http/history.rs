//! `GET /topics/{topic}`: what is kept of a topic, page by page.

use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use sse_core::Topic;

use super::Worker;
use super::error::Problem;
use super::page::{self, EventPage};
use super::query::{LAST, Query, SINCE};
use crate::hub::Start;
use crate::selectors::Selectors;

pub(super) async fn page(request: HttpRequest, topic: Path<String>) -> Result<HttpResponse, Problem> {
    let topic = Topic::new(topic.into_inner()).map_err(Problem::bad_request)?;
    let query = Query::read(&request, &["after", LAST, SINCE, "limit"])?;
    let limit = page::limit(&query)?;
    let hub = Worker::of(&request).hub();
    let selectors = Selectors::exactly(topic);
    let place = hub.place(query.start("after", Start::Earliest)?, &selectors);
    let page = EventPage::read(hub, selectors, &place, limit).await?;
    Ok(page.into_response())
}
