//! The options of an [`EventSource`] with their defaults. Opens no connection.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, IntoUrl, Method, StatusCode, Url};
use sse_core::{Decoder, EventId, Limits};

use crate::backoff::Backoff;
use crate::request::{LAST_EVENT_ID, Request};
use crate::response::RetryPolicy;
use crate::source::EventSource;

/// Redirects that one attempt follows. Browsers follow as many.
const MAX_REDIRECTS: usize = 20;

/// Options of an [`EventSource`], from [`EventSource::builder`].
#[must_use = "nothing is read until the source is built and polled"]
pub struct Builder {
    url: reqwest::Result<Url>,
    method: Method,
    body: Option<Bytes>,
    headers: HeaderMap,
    last_event_id: Option<EventId>,
    connect_timeout: Duration,
    idle_timeout: Option<Duration>,
    backoff: Backoff,
    retry: RetryPolicy,
    limits: Limits,
    client: Option<Client>,
}

/// Why the options do not make an [`EventSource`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The text is not an absolute URL.
    #[error("not an absolute URL")]
    Url(#[source] reqwest::Error),
    /// The URL is not one of HTTP.
    #[error("expected a URL of http or https, not {scheme}")]
    Scheme {
        /// The scheme of the URL.
        scheme: String,
    },
    /// The header `Last-Event-ID` is not a valid id.
    #[error("the header Last-Event-ID must be UTF-8 text without control characters")]
    LastEventId,
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

impl EventSource {
    /// Reads from `url` with the default options.
    ///
    /// # Errors
    /// Those of [`Builder::build`].
    pub fn new(url: impl IntoUrl) -> Result<Self, BuildError> {
        Self::builder(url).build()
    }

    /// Options for reading from `url`.
    pub fn builder(url: impl IntoUrl) -> Builder {
        Builder::new(url)
    }
}

impl Builder {
    fn new(url: impl IntoUrl) -> Self {
        Self {
            url: url.into_url(),
            method: Method::GET,
            body: None,
            headers: HeaderMap::new(),
            last_event_id: None,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: None,
            backoff: Backoff::default(),
            retry: RetryPolicy::default(),
            limits: Limits::default(),
            client: None,
        }
    }

    /// The method of each request. Default GET, the only one in the standard; many APIs stream the response to a POST.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// The body of each request. Default none. Set its type with [`header`](Self::header).
    ///
    /// A reconnect repeats the request. If it must not be repeated, as with most APIs that stream the response to a POST,
    /// set [`max_reconnects(0)`](Self::max_reconnects).
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends this header with each request, in place of an earlier or default one of the same name. `Last-Event-ID` is
    /// the id to start from, unless [`last_event_id`](Self::last_event_id) is set.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sends these headers with each request, like [`header`](Self::header).
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// The id to resume from, as stored from [`Event::last_event_id`](crate::Event::last_event_id). Default
    /// none: the server decides where to start.
    pub fn last_event_id(mut self, id: EventId) -> Self {
        self.last_event_id = Some(id);
        self
    }

    /// Longest wait for a TCP and TLS connection. Default 10 s. The response may take longer, since many servers send its
    /// head with the first event; [`idle_timeout`](Self::idle_timeout) limits that. Ignored with your own
    /// [`client`](Self::client).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Longest silence, from the request on, before reconnecting. Any byte counts, also a heartbeat comment. Set it above
    /// the heartbeat interval of the server.
    ///
    /// Default none, since many servers send no heartbeat. TCP keep-alive detects a dead host after about 60 s, unless
    /// your own [`client`](Self::client) turns that off.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = timeout.into();
        self
    }

    /// Delay before reconnecting, unless the server sends `retry`. Default 1 s, at least 100 ms.
    pub fn reconnect_delay(mut self, delay: Duration) -> Self {
        self.backoff = self.backoff.base(delay);
        self
    }

    /// Where the delay stops doubling on repeated failure. Default 30 s. A longer `retry` of the server is kept, up to
    /// [`max_retry`](Self::max_retry).
    pub fn max_reconnect_delay(mut self, delay: Duration) -> Self {
        self.backoff = self.backoff.max(delay);
        self
    }

    /// Attempts that may fail in a row before the source closes with
    /// [`CloseReason::GaveUp`](crate::CloseReason::GaveUp). The count restarts when data arrives. Default:
    /// unlimited. With 0 the source closes when its first connection ends or fails.
    pub fn max_reconnects(mut self, count: impl Into<Option<u32>>) -> Self {
        self.backoff = self.backoff.max_attempts(count);
        self
    }

    /// Retries on these statuses instead of closing the source; usually 429, 502, 503 and 504. Default none, as in the
    /// standard: every status but 200 ends the stream for good.
    ///
    /// `Retry-After`, in seconds or as a date, is the minimum delay before the next attempt, up to
    /// [`max_retry_after`](Self::max_retry_after). With 200 in the set, other content types are retried.
    pub fn retry_statuses(mut self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        self.retry.statuses = statuses.into_iter().collect();
        self
    }

    /// Longest delay that `Retry-After` can cause. Default 5 min.
    pub fn max_retry_after(mut self, delay: Duration) -> Self {
        self.retry.max_retry_after = delay;
        self
    }

    /// Longest delay that the `retry` of a stream can cause, before jitter. Default 5 min: without a limit, one line of a
    /// server could silence a reader for ever.
    pub fn max_retry(mut self, delay: Duration) -> Self {
        self.retry.max_retry = delay;
        self
    }

    /// Limits on memory. Default 4 MiB per line, 16 MiB per event. A larger event gives
    /// [`Signal::Dropped`](crate::Signal::Dropped).
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sends the requests with this client and its connect timeout, redirect policy, proxy and TLS settings. It must have
    /// neither a total timeout nor a read timeout, which would end each stream.
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Makes the source. It connects when it is first polled.
    ///
    /// # Errors
    /// When the URL is not one of http or https, the header `Last-Event-ID` is invalid, or TLS cannot be set up.
    pub fn build(mut self) -> Result<EventSource, BuildError> {
        let url = self.url.map_err(BuildError::Url)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(BuildError::Scheme { scheme: url.scheme().to_owned() });
        }
        let client = match self.client {
            Some(client) => client,
            None => default_client(&url, self.connect_timeout).map_err(BuildError::Client)?,
        };
        if let Some(header) = self.headers.remove(LAST_EVENT_ID) {
            let id = str::from_utf8(header.as_bytes()).ok().and_then(|id| EventId::new(id).ok());
            let id = id.ok_or(BuildError::LastEventId)?;
            self.last_event_id.get_or_insert(id);
        }
        let mut decoder = Decoder::with_limits(self.limits);
        if let Some(id) = &self.last_event_id {
            decoder = decoder.with_last_event_id(id);
        }
        let request = Request::new(client, self.method, url, self.headers, self.body);
        Ok(EventSource::assemble(request, decoder, self.backoff, self.retry, self.idle_timeout))
    }
}

/// Without Referer: the URL may contain a token.
fn default_client(url: &Url, connect_timeout: Duration) -> reqwest::Result<Client> {
    let options = || {
        Client::builder()
            .connect_timeout(connect_timeout)
            .user_agent(concat!("sse-client/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::limited(MAX_REDIRECTS))
            .referer(false)
    };
    match options().build() {
        // A system without CA certificates, such as a slim container, can still use plain http.
        Err(_) if url.scheme() == "http" => options().tls_certs_only([]).build(),
        result => result,
    }
}
