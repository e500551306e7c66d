//! What a hub has at the moment, for `--no-follow`: the newest event of the topics that are asked for.

use serde::Deserialize;
use sse_client::reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use sse_client::reqwest::{self, Client, Response, StatusCode, Url};
use sse_core::{RecordId, Selector, Topic};

use crate::body;

/// More of a list of topics is not read: a hub has at most 10,000.
const MAX_BYTES: usize = 32 << 20;

/// What a server says of its topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// It is a hub, and this is its newest event; `None` when nothing is kept of these topics.
    Hub(Option<RecordId>),
    /// It does not say: some other server, or another path of a hub.
    Unknown,
}

#[derive(Deserialize)]
struct List {
    topics: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    topic: String,
    newest: Option<String>,
}

/// Asks `…/topics` beside a URL that ends in `/events`; any other URL is unknown.
///
/// # Errors
/// When the server cannot be reached.
pub(super) async fn of(client: &Client, url: &Url, headers: &HeaderMap) -> reqwest::Result<Head> {
    let Some(selectors) = selectors(url) else { return Ok(Head::Unknown) };
    let Ok(list) = url.join("topics") else { return Ok(Head::Unknown) };
    let request = client.get(list).headers(headers.clone());
    let response = request.header(ACCEPT, HeaderValue::from_static("application/json")).send().await?;
    let Some(list) = read(response).await? else { return Ok(Head::Unknown) };
    let wanted = |entry: &&Entry| {
        let topic = Topic::new(entry.topic.as_str());
        topic.is_ok_and(|topic| {
            selectors.is_empty() || selectors.iter().any(|selector| selector.matches(&topic))
        })
    };
    let newest = list.topics.iter().filter(wanted).filter_map(|entry| entry.newest.as_ref());
    Ok(Head::Hub(newest.filter_map(|id| id.parse::<RecordId>().ok()).max_by_key(|id| id.seq)))
}

/// The selectors of a URL that may be the `/events` of a hub.
fn selectors(url: &Url) -> Option<Vec<Selector>> {
    let last = url.path_segments()?.next_back()?;
    if last != "events" {
        return None;
    }
    url.query_pairs().filter(|(name, _)| name == "topic").map(|(_, value)| value.parse().ok()).collect()
}

/// The list, if the answer is one.
async fn read(response: Response) -> reqwest::Result<Option<List>> {
    let is_json = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if response.status() != StatusCode::OK || !is_json {
        return Ok(None);
    }
    let body = body::whole(response, MAX_BYTES).await?;
    Ok(body.and_then(|body| serde_json::from_slice(&body).ok()))
}
