//! The requests of doctor: redirects are recorded, bodies are not decompressed, each request has its own connection.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use sse_client::reqwest::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION,
    CONTENT_ENCODING, COOKIE, HeaderMap, HeaderValue, LOCATION, ORIGIN,
};
use sse_client::reqwest::{Client, Method, Response, Url, redirect, tls::TlsInfo};

use super::args::DoctorArgs;
use super::certificate::{Certificate, Facts};
use super::observation::{Answer, NoAnswer, Page, Redirect};
use crate::connection::event_stream_headers;
use crate::reason::reason;

/// Browsers follow as many.
const MAX_REDIRECTS: usize = 20;
/// Longest wait for the head of a response, other than the stream itself.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Probe {
    client: Client,
    /// From `-H` and `--token`.
    extra: HeaderMap,
    /// Longest wait for the head of the stream.
    timeout: Duration,
    /// Everything goes over a Unix socket.
    socket: bool,
}

/// A response whose body has not been read.
pub(super) struct Opened {
    pub(super) answer: Answer,
    pub(super) response: Response,
    pub(super) asked: Instant,
    pub(super) began: Timestamp,
}

/// Which certificates are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    Configured,
    /// Any, to look behind a rejected certificate.
    Anything,
}

impl Probe {
    pub(super) fn new(args: &DoctorArgs, trust: Trust) -> anyhow::Result<Self> {
        let client = args.connection.client(args.stream.url.get().scheme() == "https", |options| {
            let options = options.redirect(redirect::Policy::none()).pool_max_idle_per_host(0).tls_info(true);
            match trust {
                Trust::Configured => options,
                Trust::Anything => options.tls_danger_accept_invalid_certs(true),
            }
        })?;
        let mut extra = args.connection.headers()?;
        if trust == Trust::Anything {
            // No secrets for an unknown server.
            extra.clear();
        }
        Ok(Self { client, extra, timeout: args.watch, socket: args.connection.unix_socket().is_some() })
    }

    /// Opens the stream as a browser does: the redirects, and where they led.
    pub(super) async fn arrive(&mut self, url: &Url) -> (Vec<Redirect>, Result<Opened, NoAnswer>) {
        let mut redirects = Vec::new();
        let outcome = self.follow(url.clone(), &mut redirects).await;
        (redirects, outcome)
    }

    /// Follows redirects. Credentials are not sent to another origin.
    async fn follow(&mut self, mut url: Url, redirects: &mut Vec<Redirect>) -> Result<Opened, NoAnswer> {
        loop {
            let opened = self.get(&url, HeaderMap::new(), self.timeout).await?;
            let Some(location) = location(&opened.answer) else { return Ok(opened) };
            let to = url.join(&location);
            let to = to.map_err(|_| NoAnswer::Redirects("the last one has no valid URL"))?;
            let away = to.origin() != url.origin();
            redirects.push(Redirect { from: url, to: to.clone(), status: opened.answer.status });
            if away && self.socket {
                return Err(NoAnswer::Elsewhere);
            }
            if away {
                self.extra.remove(AUTHORIZATION);
                self.extra.remove(COOKIE);
            }
            if redirects.len() == MAX_REDIRECTS {
                return Err(NoAnswer::Redirects("they do not end"));
            }
            url = to;
        }
    }

    /// The same with gzip allowed.
    pub(super) async fn with_gzip(&self, url: &Url) -> Result<Opened, NoAnswer> {
        let gzip = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]);
        self.get(url, gzip, self.timeout).await
    }

    /// Resumes after an event. `None` if a header cannot carry the id.
    pub(super) async fn resume(&self, url: &Url, id: &str) -> Option<Result<Opened, NoAnswer>> {
        let mut headers = HeaderMap::new();
        headers.insert("last-event-id", HeaderValue::from_bytes(id.as_bytes()).ok()?);
        Some(self.get(url, headers, HEAD_TIMEOUT).await)
    }

    /// As from a page of another origin.
    pub(super) async fn for_page(&self, url: &Url, page: &Page) -> Option<Answer> {
        let origin = HeaderValue::from_str(&page.origin).ok()?;
        let opened = self.get(url, HeaderMap::from_iter([(ORIGIN, origin)]), HEAD_TIMEOUT).await;
        opened.ok().map(|opened| opened.answer)
    }

    /// The preflight of a script that sends `Last-Event-ID`.
    pub(super) async fn preflight(&self, url: &Url, page: &Page) -> Option<Answer> {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_str(&page.origin).ok()?);
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("GET"));
        headers.insert(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static("last-event-id"));
        self.send(Method::OPTIONS, url, headers, HEAD_TIMEOUT).await.ok().map(|opened| opened.answer)
    }

    async fn get(&self, url: &Url, more: HeaderMap, timeout: Duration) -> Result<Opened, NoAnswer> {
        let mut headers = event_stream_headers();
        headers.extend(self.extra.clone());
        headers.extend(more);
        self.send(Method::GET, url, headers, timeout).await
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        timeout: Duration,
    ) -> Result<Opened, NoAnswer> {
        let (asked, began) = (Instant::now(), Timestamp::now());
        let sent = self.client.request(method, url.clone()).headers(headers).send();
        let response = tokio::time::timeout(timeout, sent).await.map_err(|_| NoAnswer::Silent)?;
        let response = response.map_err(|error| match reason(&error) {
            reason if error.is_connect() => NoAnswer::Unreachable(reason),
            reason => NoAnswer::Broken(reason),
        })?;
        let answer = Answer {
            url: url.clone(),
            status: response.status(),
            version: response.version(),
            headers: response.headers().clone(),
            at: asked.elapsed(),
        };
        Ok(Opened { answer, response, asked, began })
    }
}

/// The target of a redirect, if the response is one.
fn location(answer: &Answer) -> Option<String> {
    matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308).then(|| answer.header(LOCATION))?
}

/// The content encoding; `None` without one.
pub(super) fn encoding(answer: &Answer) -> Option<String> {
    answer.header(CONTENT_ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("identity"))
}

/// The certificate that the server sent.
pub(super) fn certificate(response: &Response, refused: Option<String>) -> Certificate {
    let der = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
    Certificate { refused, facts: der.and_then(Facts::read) }
}

/// Did the certificate prevent the connection? Goes by the message of the TLS library.
pub(super) fn is_about_the_certificate(reason: &str) -> bool {
    reason.contains("certificate")
}
