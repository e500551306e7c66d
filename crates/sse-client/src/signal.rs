//! The signals of an `EventSource`, with their reasons. Data only.

use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use reqwest::{Response, StatusCode, Url};
use sse_core::DecodeError;

use crate::event::Event;
use crate::root_cause::root_cause;

/// Something that happened to the stream.
#[derive(Debug)]
#[non_exhaustive]
pub enum Signal {
    /// A connection was opened. Comes once per connection.
    Opened(Opened),
    /// An event arrived.
    Event(Event),
    /// An event exceeded the [`Limits`](crate::Limits) and was dropped. The stream continues with the next.
    Dropped(DecodeError),
    /// The connection was lost or could not be opened. The next attempt follows after the delay.
    Reconnecting(Reconnecting),
    /// The stream has ended for good. The last signal.
    Closed(CloseReason),
}

/// An opened connection.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The URL after redirects.
    pub url: Url,
}

/// A lost connection, before the next attempt.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reconnecting {
    /// Why there is no connection.
    pub reason: Interruption,
    /// Time until the next attempt.
    pub delay: Duration,
    /// Number of the next attempt, counted from 1 since data last arrived.
    pub attempt: u32,
}

/// Why a connection was lost or could not be opened. `Display` gives the root cause; the rest is in
/// [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Interruption {
    /// The body ended regularly.
    #[error("end of the stream")]
    End,
    /// The connection failed: name not found, refused, reset, cut inside the body, invalid certificate, invalid HTTP.
    #[error("{}", root_cause(.0))]
    Network(#[source] reqwest::Error),
    /// No byte arrived for the whole idle timeout.
    #[error("no byte for {0:?}")]
    Idle(Duration),
    /// A status that [`Builder::retry_statuses`](crate::Builder::retry_statuses) names.
    #[error("the server answered {0}")]
    Status(StatusCode),
}

/// Why a stream ended for good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// 204: the server asks readers not to reconnect.
    #[error("the server answered 204 No Content: there are no more events")]
    NoContent,
    /// A status other than 200 and 204. The body has not been read.
    #[error("the server answered {}", .0.status())]
    Status(Box<Response>),
    /// 200, but not an event stream. The body has not been read.
    #[error("the server answered with {}, not with `text/event-stream`", content_type(.0))]
    ContentType(Box<Response>),
    /// 200 and an event stream, but with a content encoding such as gzip, which was not requested. The body has not been
    /// read.
    #[error("the server sent the stream with content encoding `{}`, which was not asked for", content_encoding(.0))]
    ContentEncoding(Box<Response>),
    /// The last event id has a control character. Reconnecting without it would lose events silently.
    #[error("the last event id has a control character, which an HTTP header cannot carry")]
    LastEventId,
    /// No attempt of [`Builder::max_reconnects`](crate::Builder::max_reconnects) is left.
    #[error("{last}, and {} allowed", attempts(*.reconnects))]
    GaveUp {
        /// Attempts since data last arrived.
        reconnects: u32,
        /// Why the last one failed.
        #[source]
        last: Interruption,
    },
    /// The URL and the headers do not make a valid request.
    #[error("the request cannot be made: {}", root_cause(.0))]
    Request(#[source] reqwest::Error),
}

/// The limit on attempts, in words.
fn attempts(count: u32) -> String {
    match count {
        0 => "no reconnect is".to_owned(),
        1 => "no more than 1 reconnect is".to_owned(),
        _ => format!("no more than {count} reconnects are"),
    }
}

/// The content type in words.
fn content_type(response: &Response) -> String {
    match response.headers().get_all(CONTENT_TYPE).iter().next_back() {
        None => "no content type".to_owned(),
        Some(value) => format!("content type `{}`", shown(value)),
    }
}

fn content_encoding(response: &Response) -> String {
    response.headers().get(CONTENT_ENCODING).map(shown).unwrap_or_default()
}

/// The start of a header value, escaped.
fn shown(value: &HeaderValue) -> String {
    const MAX_CHARS: usize = 100;
    let text: String = String::from_utf8_lossy(value.as_bytes()).chars().take(MAX_CHARS).collect();
    text.escape_debug().to_string()
}
