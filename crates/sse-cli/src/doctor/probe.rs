//! Asks the server and records what comes: no redirect is followed unseen, nothing is unpacked, each request has a
//! connection of its own. Judges nothing.

use std::error::Error;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sse_client::reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION,
    CACHE_CONTROL, CONTENT_ENCODING, COOKIE, HeaderMap, HeaderValue, LOCATION, ORIGIN,
};
use sse_client::reqwest::{self, Client, Method, Response, Url, redirect, tls::TlsInfo};

use super::args::DoctorArgs;
use super::certificate::{Certificate, Facts};
use super::observation::{Answer, NoAnswer, Page, Redirect};

/// As many as browsers follow.
const MAX_REDIRECTS: usize = 20;
/// How long the answer to a question that is not the stream itself may take.
const SIDE_QUESTION: Duration = Duration::from_secs(5);

/// Makes requests for one stream.
pub(super) struct Probe {
    client: Client,
    /// What the person gave with `-H` and `--token`.
    extra: HeaderMap,
    /// How long an answer's head may take.
    patience: Duration,
    /// Everything goes over a Unix socket.
    socket: bool,
}

/// An answer with its body still to come.
pub(super) struct Opened {
    pub(super) answer: Answer,
    pub(super) response: Response,
    pub(super) asked: Instant,
    pub(super) began: Timestamp,
}

/// What led to the answer, or to none.
pub(super) struct Arrival {
    pub(super) redirects: Vec<Redirect>,
    pub(super) outcome: Result<Opened, NoAnswer>,
}

/// A setup of the client's TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    AsAsked,
    /// To look further behind a certificate that was refused.
    Anything,
}

impl Probe {
    /// # Errors
    /// When the client cannot be set up, or a file that the options name cannot be read.
    pub(super) fn new(args: &DoctorArgs, trust: Trust) -> anyhow::Result<Self> {
        let client = args.connection.client_with(args.url.get().scheme() == "https", |options| {
            let options = options.redirect(redirect::Policy::none()).pool_max_idle_per_host(0).tls_info(true);
            match trust {
                Trust::AsAsked => options,
                Trust::Anything => options.tls_danger_accept_invalid_certs(true),
            }
        })?;
        let mut extra = args.connection.headers()?;
        if trust == Trust::Anything {
            // No secrets are sent to whoever that is.
            extra.clear();
        }
        Ok(Self { client, extra, patience: args.watch, socket: args.connection.unix_socket().is_some() })
    }

    /// Opens the stream as a browser does, and follows where it is sent. Headers with secrets are not sent on to
    /// another host.
    pub(super) async fn arrive(&mut self, url: &Url) -> Arrival {
        let (mut redirects, mut url) = (Vec::new(), url.clone());
        loop {
            let opened = match self.get(&url, HeaderMap::new(), self.patience).await {
                Ok(opened) => opened,
                Err(none) => return Arrival { redirects, outcome: Err(none) },
            };
            let Some(location) = location(&opened.answer) else {
                return Arrival { redirects, outcome: Ok(opened) };
            };
            let Ok(to) = url.join(&location) else {
                let outcome = Err(NoAnswer::Redirects("the last one names no URL"));
                return Arrival { redirects, outcome };
            };
            let away = to.origin() != url.origin();
            redirects.push(Redirect { from: url, to: to.clone(), status: opened.answer.status });
            if away && self.socket {
                return Arrival { redirects, outcome: Err(NoAnswer::Elsewhere) };
            }
            if away {
                self.extra.remove(AUTHORIZATION);
                self.extra.remove(COOKIE);
            }
            if redirects.len() == MAX_REDIRECTS {
                return Arrival { redirects, outcome: Err(NoAnswer::Redirects("they do not end")) };
            }
            url = to;
        }
    }

    /// The same with gzip allowed.
    pub(super) async fn with_gzip(&self, url: &Url) -> Result<Opened, NoAnswer> {
        let gzip = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]);
        self.get(url, gzip, self.patience).await
    }

    /// From an event on. `None` if the id cannot stand in a header.
    pub(super) async fn resume(&self, url: &Url, id: &str) -> Option<Result<Opened, NoAnswer>> {
        let mut headers = HeaderMap::new();
        headers.insert("last-event-id", HeaderValue::from_bytes(id.as_bytes()).ok()?);
        Some(self.get(url, headers, SIDE_QUESTION).await)
    }

    /// As a page of another origin does.
    pub(super) async fn for_page(&self, url: &Url, page: &Page) -> Option<Answer> {
        let origin = HeaderValue::from_str(&page.origin).ok()?;
        self.get(url, HeaderMap::from_iter([(ORIGIN, origin)]), SIDE_QUESTION)
            .await
            .ok()
            .map(|opened| opened.answer)
    }

    /// What a browser asks before a script may send `Last-Event-ID` by itself.
    pub(super) async fn preflight(&self, url: &Url, page: &Page) -> Option<Answer> {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_str(&page.origin).ok()?);
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("GET"));
        headers.insert(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static("last-event-id"));
        self.send(Method::OPTIONS, url, headers, SIDE_QUESTION).await.ok().map(|opened| opened.answer)
    }

    async fn get(&self, url: &Url, more: HeaderMap, patience: Duration) -> Result<Opened, NoAnswer> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.extend(self.extra.clone());
        headers.extend(more);
        self.send(Method::GET, url, headers, patience).await
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        patience: Duration,
    ) -> Result<Opened, NoAnswer> {
        let (asked, began) = (Instant::now(), Timestamp::now());
        let sent = self.client.request(method, url.clone()).headers(headers).send();
        let response = tokio::time::timeout(patience, sent).await.map_err(|_| NoAnswer::Silent)?;
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

/// Where a redirect leads. `None` if the answer is none.
fn location(answer: &Answer) -> Option<String> {
    matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308).then(|| answer.header(LOCATION))?
}

/// How the body is packed. `None` if it is not.
pub(super) fn encoding(answer: &Answer) -> Option<String> {
    answer.header(CONTENT_ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("identity"))
}

/// The innermost reason of a failed request, which says most.
pub(super) fn reason(error: &reqwest::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    crate::talk::plain(&innermost.to_string()).to_owned()
}

/// What the server showed of itself.
pub(super) fn certificate(response: &Response, refused: Option<String>) -> Certificate {
    let der = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
    Certificate { refused, facts: der.and_then(Facts::read) }
}

/// Does the certificate keep the connection from being made? As the TLS library words it.
pub(super) fn is_about_the_certificate(reason: &str) -> bool {
    reason.contains("certificate")
}
