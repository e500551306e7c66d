//! Makes the event source of each URL from the arguments, and finds where it starts and ends. Reads no stream.

use std::time::Duration;

use anyhow::Context;
use sse_client::reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use sse_client::reqwest::{Client, Method, Url};
use sse_client::{Backoff, EventSource};

use super::args::TailArgs;
use super::end::{self, End};
use super::head::{self, Head};
use super::request;
use super::start_at::StartAt;
use super::streams::Stream;
use crate::address;
use crate::reason::reason;
use crate::retry::RetryPolicy;
use crate::status::Status;

/// Longest wait for the head of a hub's log.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// What all requests have in common.
pub(super) struct Connector {
    client: Client,
    headers: HeaderMap,
    method: Method,
    body: Option<Vec<u8>>,
}

impl Connector {
    pub(super) fn new(args: &TailArgs, urls: &[Url]) -> anyhow::Result<Self> {
        let body = args.request.body()?;
        let mut headers = HeaderMap::new();
        if let Some(body) = &body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(request::content_type(body)));
        }
        headers.extend(args.connection.headers()?);
        let needs_tls = urls.iter().any(|url| url.scheme() == "https");
        let client = args.connection.client(needs_tls, |options| options)?;
        Ok(Self { client, headers, method: args.request.method(), body })
    }

    /// The stream of a URL; `None` when it ends before it starts.
    pub(super) async fn stream(
        &self,
        args: &TailArgs,
        url: &Url,
        name: String,
        start: &StartAt,
        status: &Status,
    ) -> anyhow::Result<Option<Stream>> {
        let Some((start, end)) = self.span(args, url, start, status).await? else { return Ok(None) };
        let mut request_url = url.clone();
        if let Some((name, value)) = start.parameter() {
            request_url.query_pairs_mut().append_pair(name, &value);
        }
        let mut builder = EventSource::builder(request_url)
            .client(self.client.clone())
            .method(self.method.clone())
            .headers(self.headers.clone());
        if let Some(body) = &self.body {
            builder = builder.body(body.clone());
        }
        if let Some(id) = start.id() {
            builder = builder.last_event_id(id.clone());
        }
        if let Some(wait) = args.end.wait {
            builder = end::with_wait(builder, wait);
        }
        let mut shown = address::redacted(url);
        let source = builder.build().with_context(|| format!("cannot read from {shown}"))?;
        shown.set_query(None);
        Ok(Some(Stream::new(source, name, shown.to_string(), end, args.end.wait)))
    }

    /// Where a stream starts and ends; `None` when it ends before it starts.
    async fn span(
        &self,
        args: &TailArgs,
        url: &Url,
        start: &StartAt,
        status: &Status,
    ) -> anyhow::Result<Option<(StartAt, End)>> {
        // Only a GET can be repeated without side effects.
        if self.method != Method::GET {
            return Ok(Some((start.clone(), End::Connection)));
        }
        if !args.end.no_follow {
            return Ok(Some((start.clone(), End::Never)));
        }
        Ok(match self.head(args, url, status).await? {
            Head::Unknown => Some((start.clone(), End::Silence(args.end.idle))),
            Head::Hub(None) => None,
            Head::Hub(Some(end)) if start.id().is_some_and(|id| end::is_reached_by(id.as_str(), end)) => None,
            // By default a hub starts at its head, where this would end.
            Head::Hub(Some(end)) if *start == StartAt::Default => Some((StartAt::earliest(), End::Id(end))),
            Head::Hub(Some(end)) => Some((start.clone(), End::Id(end))),
        })
    }

    /// The head of the hub's log, retried within --wait.
    async fn head(&self, args: &TailArgs, url: &Url, status: &Status) -> anyhow::Result<Head> {
        let peer = args.connection.peer(url);
        let mut retry = RetryPolicy::new(Backoff::default(), args.end.wait);
        loop {
            let head = tokio::time::timeout(HEAD_TIMEOUT, head::of(&self.client, url, &self.headers));
            let failure = match head.await {
                Ok(Ok(head)) => return Ok(head),
                Ok(Err(error)) => {
                    format!("cannot get the topics of {} ({})", peer.at_fault(&error), reason(&error))
                }
                Err(_) => format!("{peer} does not answer the request for its topics"),
            };
            let Some(delay) = retry.next_delay(None) else { anyhow::bail!(failure) };
            status.retrying(&failure, delay, None);
            tokio::time::sleep(delay).await;
        }
    }
}
