//! The options of an [`EventSource`], each with its default. Makes no connection.

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

/// Redirects that one attempt follows at most, as browsers do.
const MAX_REDIRECTS: usize = 20;

/// Options of an [`EventSource`]; made by [`EventSource::builder`].
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

/// Why no [`EventSource`] can be made of the options.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The text is no absolute URL.
    #[error("not a URL to read events from")]
    Url(#[source] reqwest::Error),
    /// A URL of something else than HTTP.
    #[error("events are read over http or https, not over {scheme}")]
    Scheme {
        /// The scheme of the URL.
        scheme: String,
    },
    /// The header `Last-Event-ID` is no id.
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

    /// The method of each request. Default GET, the only one of the standard; many APIs stream the answer to a POST.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Sends this body with each request, the same bytes each time. Default none. Its type is for
    /// [`header`](Self::header) to name.
    ///
    /// A reconnect asks for the work again. Where that is not wanted, as with most APIs that stream the answer to a
    /// POST, set [`max_reconnects(0)`](Self::max_reconnects).
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends this header with each request, in place of an earlier one or a default one of the same name.
    /// `Last-Event-ID` is the id to start from, unless [`last_event_id`](Self::last_event_id) gives another.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sends these headers with each request; same rule as [`header`](Self::header).
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// The id to resume from, as stored from [`Event::last_event_id`](crate::Event::last_event_id). Default
    /// none: the server decides where the stream starts.
    pub fn last_event_id(mut self, id: EventId) -> Self {
        self.last_event_id = Some(id);
        self
    }

    /// Longest wait for a TCP and TLS connection. Default 10 s. The answer itself may take longer, since many
    /// servers hold its head back until there is an event; [`idle_timeout`](Self::idle_timeout) limits that.
    /// Without effect on a [`client`](Self::client) of one's own.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Longest silence, from the request on, before the connection is made again; any byte counts, so
    /// heartbeat comments do. Set it above the server's heartbeat interval.
    ///
    /// Default none: a quiet stream is a good stream, and many servers send no heartbeat. A host that has gone
    /// without a word is noticed all the same, by TCP keep-alive after about 60 s (unless a
    /// [`client`](Self::client) of one's own has that off).
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = timeout.into();
        self
    }

    /// Delay before reconnecting to a server that sets no `retry`. Default 1 s, and never below 100 ms.
    pub fn reconnect_delay(mut self, delay: Duration) -> Self {
        self.backoff = self.backoff.base(delay);
        self
    }

    /// Where the delay stops doubling on repeated failure. Default 30 s. A longer `retry` of the server stays
    /// as it is.
    pub fn max_reconnect_delay(mut self, delay: Duration) -> Self {
        self.backoff = self.backoff.max(delay);
        self
    }

    /// Attempts that may fail in a row before the source closes with
    /// [`CloseReason::GaveUp`](crate::CloseReason::GaveUp). The count starts over when bytes come in. Default none:
    /// it tries for ever. With 0 the source closes when its first connection ends or cannot be made.
    pub fn max_reconnects(mut self, count: impl Into<Option<u32>>) -> Self {
        self.backoff = self.backoff.max_attempts(count);
        self
    }

    /// Answers with these statuses are waited for as a lost connection is, instead of closing the source. Default
    /// none, as the standard demands: all but 200 ends the stream for good. 429, 502, 503 and 504 are the usual ones.
    ///
    /// The `Retry-After` of such an answer, in seconds or as a date, is the least delay before the next attempt, up to
    /// [`max_retry_after`](Self::max_retry_after). With 200 in the set, an answer of another content type is waited for.
    pub fn retry_statuses(mut self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        self.retry.statuses = statuses.into_iter().collect();
        self
    }

    /// Longest delay that a server can ask for by `Retry-After`; what is longer is cut to this. Default 5 min.
    pub fn max_retry_after(mut self, delay: Duration) -> Self {
        self.retry.max_retry_after = delay;
        self
    }

    /// How much the server can make the source hold: a line of 4 MiB and an event of 16 MiB by default. What
    /// is larger comes as [`Signal::Dropped`](crate::Signal::Dropped).
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sends the requests through this client, which brings its own connect timeout, redirect policy, proxy
    /// and TLS settings. It must have neither a total timeout nor a read timeout, or each stream ends there.
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Makes the source. The first connection is made when it is first polled.
    ///
    /// # Errors
    /// When the URL is not one of http or https, a header `Last-Event-ID` is no id, or the system gives no TLS set-up.
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

/// Redirects are followed, but not told where they came from: the URL may hold a token.
fn default_client(url: &Url, connect_timeout: Duration) -> reqwest::Result<Client> {
    let options = || {
        Client::builder()
            .connect_timeout(connect_timeout)
            .user_agent(concat!("sse-client/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::limited(MAX_REDIRECTS))
            .referer(false)
    };
    match options().build() {
        // A system without CA certificates, such as a slim container, can still do plain http.
        Err(_) if url.scheme() == "http" => options().tls_certs_only([]).build(),
        result => result,
    }
}
