//! Everything that was seen of a server: the input of the checks. Data only.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use sse_client::is_event_stream;
use sse_client::reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use sse_client::reqwest::{StatusCode, Url, Version};

use super::certificate::Certificate;
use super::recording::Recording;
use crate::peer::Peer;

#[derive(Debug)]
pub(super) struct Observation {
    pub(super) url: Url,
    /// The Unix socket, instead of the URL's host.
    pub(super) socket: Option<PathBuf>,
    pub(super) watch: Duration,
    pub(super) idle: Option<Duration>,
    pub(super) page: Option<Page>,
    pub(super) redirects: Vec<Redirect>,
    pub(super) answer: Result<Answer, NoAnswer>,
    /// Only if the response is an event stream.
    pub(super) stream: Option<Stream>,
    pub(super) cors: Option<Cors>,
    /// Only over https.
    pub(super) certificate: Option<Certificate>,
}

#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) origin: String,
    pub(super) credentials: bool,
}

#[derive(Debug)]
pub(super) struct Redirect {
    pub(super) from: Url,
    pub(super) to: Url,
    pub(super) status: StatusCode,
}

/// Why there is no response.
#[derive(Debug)]
pub(super) enum NoAnswer {
    Unreachable(String),
    /// It broke off before the head came.
    Broken(String),
    /// Nothing came during --watch.
    Silent,
    /// The redirects do not end, or lead nowhere.
    Redirects(&'static str),
    /// A redirect leads to another origin, which is not behind the socket.
    Elsewhere,
}

#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) url: Url,
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    /// When it came, since the request.
    pub(super) at: Duration,
}

/// The event stream in the body.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) body: Recording,
    /// When the request was sent.
    pub(super) began: Timestamp,
    pub(super) end: End,
    /// When watching stopped, since the request.
    pub(super) ended: Duration,
    /// `None` if the server does not compress.
    pub(super) compressed: Option<Compressed>,
    pub(super) resume: Option<Resume>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Open,
    Ended,
    /// It was cut in the middle of the body.
    Broken(String),
}

/// The same stream, requested with gzip.
#[derive(Debug)]
pub(super) struct Compressed {
    pub(super) encoding: String,
    /// The decompressed body; empty for other encodings.
    pub(super) body: Recording,
    pub(super) began: Timestamp,
}

/// A second stream that resumes after an event of the first.
#[derive(Debug)]
pub(super) struct Resume {
    /// Sent as `Last-Event-ID`.
    pub(super) after: String,
    /// The ids after it on the first stream, in order.
    pub(super) expected: Vec<String>,
    /// The ids that arrived on the second.
    pub(super) received: Vec<String>,
    pub(super) status: StatusCode,
    pub(super) waited: Duration,
}

/// The responses to requests of a page. `None` without a response.
#[derive(Debug)]
pub(super) struct Cors {
    pub(super) plain: Option<Answer>,
    /// For a request that sets `Last-Event-ID` itself.
    pub(super) preflight: Option<Answer>,
}

impl Observation {
    /// The server, after redirects.
    pub(super) fn peer(&self) -> Peer {
        let url = self.answer.as_ref().map_or(&self.url, |answer| &answer.url);
        Peer::new(url, self.socket.clone())
    }
}

impl Answer {
    /// A header as text; several are joined with commas. `None` if it is empty.
    pub(super) fn header(&self, name: HeaderName) -> Option<String> {
        let values: Vec<_> = self.headers.get_all(name).iter().collect();
        let texts: Vec<_> = values.iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let text = texts.join(", ").trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// The content type; the last of several, as in browsers.
    pub(super) fn content_type(&self) -> Option<String> {
        let value = self.headers.get_all(CONTENT_TYPE).iter().next_back()?;
        Some(String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
    }

    /// Would an `EventSource` open it?
    pub(super) fn is_event_stream(&self) -> bool {
        self.status == StatusCode::OK && is_event_stream(&self.headers)
    }
}

impl Stream {
    /// The last silence, up to the end of watching.
    pub(super) fn final_silence(&self) -> Duration {
        self.body.silence_at(self.ended)
    }

    pub(super) fn longest_silence(&self) -> Duration {
        self.body.longest_silence.max(self.final_silence())
    }
}
