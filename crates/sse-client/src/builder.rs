//! The options of an [`EventSource`], each with its default. Makes no connection.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, IntoUrl, Url};
use sse_core::{Decoder, EventId, Limits};

use crate::EventSource;
use crate::backoff::Backoff;
use crate::request::Request;

/// Options of an [`EventSource`]; made by [`EventSource::builder`].
#[must_use = "nothing is read until the source is built and polled"]
pub struct Builder {
    url: reqwest::Result<Url>,
    headers: HeaderMap,
    last_event_id: Option<EventId>,
    connect_timeout: Duration,
    idle_timeout: Option<Duration>,
    backoff: Backoff,
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
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

impl Builder {
    pub(crate) fn new(url: impl IntoUrl) -> Self {
        Self {
            url: url.into_url(),
            headers: HeaderMap::new(),
            last_event_id: None,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: None,
            backoff: Backoff::default(),
            limits: Limits::default(),
            client: None,
        }
    }

    /// Sends this header with each request, in place of an earlier one or a default one of the same name.
    /// `Last-Event-ID` is always the source's own once there is an id; set it by
    /// [`last_event_id`](Self::last_event_id).
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
        self.backoff.base = delay;
        self
    }

    /// Where the delay stops doubling on repeated failure. Default 30 s. A longer `retry` of the server stays
    /// as it is.
    pub fn max_reconnect_delay(mut self, delay: Duration) -> Self {
        self.backoff.max = delay;
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
    /// When the URL is not one of http or https, or the system gives no TLS set-up.
    pub fn build(self) -> Result<EventSource, BuildError> {
        let url = self.url.map_err(BuildError::Url)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(BuildError::Scheme { scheme: url.scheme().to_owned() });
        }
        let client = match self.client {
            Some(client) => client,
            None => default_client(&url, self.connect_timeout).map_err(BuildError::Client)?,
        };
        let mut decoder = Decoder::with_limits(self.limits);
        if let Some(id) = &self.last_event_id {
            decoder = decoder.with_last_event_id(id);
        }
        let request = Request::new(client, url, self.headers);
        Ok(EventSource::assemble(request, decoder, self.backoff, self.idle_timeout))
    }
}

/// Redirects are followed, but not told where they came from: the URL may hold a token.
fn default_client(url: &Url, connect_timeout: Duration) -> reqwest::Result<Client> {
    let options = || {
        Client::builder()
            .connect_timeout(connect_timeout)
            .user_agent(concat!("sse-client/", env!("CARGO_PKG_VERSION")))
            .referer(false)
    };
    match options().build() {
        // A system without CA certificates, such as a slim container, can still do plain http.
        Err(_) if url.scheme() == "http" => options().tls_certs_only([]).build(),
        result => result,
    }
}
