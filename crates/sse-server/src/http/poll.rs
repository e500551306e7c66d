//! `GET /poll`: long-poll, for readers that cannot hold a stream. The same cursor, the same gaps.

use std::future::poll_fn;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use tokio::time::timeout;

use super::Worker;
use super::error::Problem;
use super::page::{self, EventPage};
use super::query::{LAST, Query, SINCE};
use crate::hub::{Delivery, Place, Start};

/// How long to wait for an event: default, and longest. The default is below the 30 s at which many proxies and
/// HTTP clients give up; longer than 60 s hardly any of them waits.
const DEFAULT_WAIT: Duration = Duration::from_secs(25);
const MAX_WAIT: Duration = Duration::from_secs(60);

pub(super) async fn page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &["topic", "after", "timeout", LAST, SINCE, "limit"])?;
    let (selectors, limit, wait) = (query.selectors()?, page::limit(&query)?, wait(&query)?);
    let worker = Worker::of(&request);
    let hub = worker.hub();
    let place = hub.place(query.start("after", Start::Now)?, &selectors);
    let page = EventPage::read(hub, selectors.clone(), &place, limit).await?;
    if !page.is_empty() {
        return Ok(page.into_response());
    }
    // Follows the page without a seam: what was published since is past its cursor. It says only that there is
    // something; the page is read again, so that it is cut to size and has topics and times.
    let after = page.next();
    let mut news = worker.fanout.subscribe(selectors.clone(), Start::After(after.to_string()));
    match timeout(wait, poll_fn(|context| news.poll_next(context))).await {
        // An end can also mean that the log cannot be read, which the page then says.
        Ok(Delivery::Frames(_) | Delivery::Gap(..) | Delivery::End) => {
            let page = EventPage::read(hub, selectors, &Place::After(after.seq), limit).await?;
            Ok(page.into_response())
        }
        // Nothing came: the reader asks again from where it is now.
        Err(_) => Ok(EventPage::empty(news.position()).into_response()),
    }
}

/// How long the request wants to wait: `25`, `25s` or `500ms`.
fn wait(query: &Query) -> Result<Duration, Problem> {
    let Some(text) = query.get("timeout") else { return Ok(DEFAULT_WAIT) };
    let seconds = text.parse().ok().map(Duration::from_secs);
    let wait = seconds.or_else(|| humantime::parse_duration(text).ok()).filter(|wait| *wait <= MAX_WAIT);
    wait.ok_or_else(|| {
        let most = MAX_WAIT.as_secs();
        Problem::bad_request(format!(
            "timeout is from 0 to {most} seconds, such as 25, 25s or 500ms, not {text:?}"
        ))
    })
}
