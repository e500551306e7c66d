//! The head of a hub's log, for `--no-follow`: the newest event of the requested topics.

use serde::Deserialize;
use sse_client::reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use sse_client::reqwest::{self, Client, StatusCode, Url};
use sse_core::{RecordId, Selector, Topic};

use crate::body;

/// Longest list of topics that is read; a hub has at most 10,000 topics.
const MAX_BYTES: usize = 32 << 20;

/// What a server says about its topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// A hub with this newest event; `None` when nothing is stored for these topics.
    Hub(Option<RecordId>),
    /// Another server, or a path of a hub that does not tell.
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

/// Requests `topics` beside a URL that ends in `/events`; for other URLs the head is unknown.
pub(super) async fn of(client: &Client, url: &Url, headers: &HeaderMap) -> reqwest::Result<Head> {
    let Some(selectors) = selectors(url) else { return Ok(Head::Unknown) };
    let Ok(list) = url.join("topics") else { return Ok(Head::Unknown) };
    let request = client.get(list).headers(headers.clone());
    let response = request.header(ACCEPT, HeaderValue::from_static("application/json")).send().await?;
    let is_json = body::media_type(response.headers()) == "application/json";
    if response.status() != StatusCode::OK || !is_json {
        return Ok(Head::Unknown);
    }
    let body = body::whole(response, MAX_BYTES).await?;
    let list = body.and_then(|body| serde_json::from_slice::<List>(&body).ok());
    let Some(list) = list else { return Ok(Head::Unknown) };
    let is_selected = |entry: &&Entry| {
        let topic = Topic::new(entry.topic.as_str());
        topic.is_ok_and(|topic| {
            selectors.is_empty() || selectors.iter().any(|selector| selector.matches(&topic))
        })
    };
    let newest = list.topics.iter().filter(is_selected).filter_map(|entry| entry.newest.as_ref());
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
