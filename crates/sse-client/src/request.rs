//! The request of each attempt. Does not look at the response.

use std::pin::Pin;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response, Url};

use crate::signal::CloseReason;

pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A pending response.
pub(crate) type PendingResponse = Pin<Box<dyn Future<Output = reqwest::Result<Response>> + Send>>;

/// What all attempts have in common.
pub(crate) struct Request {
    client: Client,
    method: Method,
    url: Url,
    headers: HeaderMap,
    /// Shared by all attempts, never copied.
    body: Option<Bytes>,
}

impl Request {
    /// `extra` replaces the headers of the standard with the same names.
    pub(crate) fn new(
        client: Client,
        method: Method,
        url: Url,
        extra: HeaderMap,
        body: Option<Bytes>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.extend(extra);
        Self { client, method, url, headers, body }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Sends the request once the result is polled.
    pub(crate) fn send(&self, last_event_id: &str) -> Result<PendingResponse, CloseReason> {
        let mut headers = self.headers.clone();
        if !last_event_id.is_empty() {
            let value =
                HeaderValue::from_bytes(last_event_id.as_bytes()).map_err(|_| CloseReason::LastEventId)?;
            headers.insert(LAST_EVENT_ID, value);
        }
        let mut request = self.client.request(self.method.clone(), self.url.clone()).headers(headers);
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        Ok(Box::pin(request.send()))
    }
}
