//! `GET /topics/{topic}`: what is kept of a topic, page by page.

use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use sse_core::Topic;

use super::Worker;
use super::error::Problem;
use super::page::{self, Cursor, EventPage};
use super::query::{self, Query};
use crate::hub::{Selectors, Start};

pub(super) async fn page(request: HttpRequest, topic: Path<String>) -> Result<HttpResponse, Problem> {
    let topic = Topic::new(topic.into_inner()).map_err(Problem::bad_request)?;
    let query = Query::read(&request, &["after", "limit"])?;
    let limit = page::limit(&query)?;
    let hub = Worker::of(&request).hub();
    let cursor = Cursor::new(hub, query::start(query.get("after"), Start::Earliest));
    let page = EventPage::read(hub, Selectors::exactly(topic), &cursor, limit).await?;
    Ok(page.into_response())
}
