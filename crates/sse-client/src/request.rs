//! The request that opens a connection, made anew for each attempt. Does not judge the answer.

use std::pin::Pin;

use reqwest::header::{ACCEPT, CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, Url};

use crate::CloseReason;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The answer to come.
pub(crate) type Answer = Pin<Box<dyn Future<Output = reqwest::Result<Response>> + Send>>;

/// What all attempts have in common.
pub(crate) struct Request {
    client: Client,
    url: Url,
    headers: HeaderMap,
}

impl Request {
    /// `extra` replaces the standard's headers where it names the same ones.
    pub(crate) fn new(client: Client, url: Url, extra: HeaderMap) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.extend(extra);
        Self { client, url, headers }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Sends the request. Nothing happens until the answer is polled.
    pub(crate) fn send(&self, last_event_id: &str) -> Result<Answer, CloseReason> {
        let mut headers = self.headers.clone();
        if !last_event_id.is_empty() {
            let value =
                HeaderValue::from_bytes(last_event_id.as_bytes()).map_err(|_| CloseReason::LastEventId)?;
            headers.insert(LAST_EVENT_ID, value);
        }
        Ok(Box::pin(self.client.get(self.url.clone()).headers(headers).send()))
    }
}
