//! `GET /poll`: long-poll, for readers that cannot hold a connection open. The same cursor, the same gaps.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use sse_hub::{Delivery, Start};
use tokio::time::timeout;

use super::app_state::AppState;
use super::event_page::{self, HeldPage};
use super::problem_details::Problem;
use super::query::{LAST, Query, SINCE};
use crate::auth::Access;

/// How long to wait for an event: default, and longest. The default is below the 30 s at which many proxies and
/// HTTP clients give up; longer than 60 s hardly any of them waits.
const DEFAULT_WAIT: Duration = Duration::from_secs(25);
const MAX_WAIT: Duration = Duration::from_secs(60);

pub(super) async fn page(request: HttpRequest, access: Access) -> Result<HttpResponse, Problem> {
    let mut answer = read(&request, &access).await?.response(&request);
    AppState::of(&request).name_reader(&access, answer.headers_mut());
    Ok(answer)
}

async fn read(request: &HttpRequest, access: &Access) -> Result<HeldPage, Problem> {
    let query = Query::read(request, &["topic", "after", "timeout", LAST, SINCE, "limit"])?;
    let selectors = access.narrow(&query.selectors()?)?;
    let (limit, wait) = (event_page::limit(&query)?, wait(&query)?);
    let wait = access.time_left().map_or(wait, |left| wait.min(left));
    let AppState { fanout, auth, .. } = AppState::of(request);
    let start = query.start("after", Start::Now)?;
    let HeldPage { page, .. } = match event_page::read(fanout.hub(), &selectors, start, limit).await? {
        empty if empty.page.is_empty() => empty,
        found => return Ok(found),
    };
    // Follows the page without a seam: what was published since is past its cursor. It says only that there is
    // something; the page is read again, so that it is cut to size and has topics and times.
    let after = Start::After(page.next.to_string());
    let counters = fanout.hub().counters();
    let _counted = counters.wait_long_poll();
    let mut subscription = fanout.subscribe(selectors.clone(), after.clone()).await?;
    let page = match timeout(wait, subscription.next()).await {
        // An end can also mean that the log cannot be read, which the page then says.
        Ok(Delivery::Frames(_) | Delivery::Gap(..) | Delivery::End(_)) => {
            event_page::read(fanout.hub(), &selectors, after, limit).await?
        }
        // Nothing came: the reader asks again from where it is now.
        Err(_) => HeldPage::empty(fanout.hub().budget(), subscription.position())?,
    };
    auth.check(access)?;
    Ok(page)
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
