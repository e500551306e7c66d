//! What an `EventSource` tells its reader, and the reasons it gives. Data only.

use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use reqwest::{Response, StatusCode, Url};
use sse_core::DecodeError;

use crate::event::Event;
use crate::root_cause::root_cause;

/// One thing that happened to the stream.
#[derive(Debug)]
#[non_exhaustive]
pub enum Signal {
    /// A connection was accepted; events may follow. Comes once for each connection.
    Opened(Opened),
    /// An event came in.
    Event(Event),
    /// An event passed a limit of [`Limits`](crate::Limits) and was dropped. The stream goes on with the next.
    Dropped(DecodeError),
    /// The connection was lost or could not be made. The next attempt follows after the delay.
    Reconnecting(Reconnecting),
    /// The stream has ended for good. Always the last signal.
    Closed(CloseReason),
}

/// A connection that the server accepted.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// Where the stream comes from, after redirects.
    pub url: Url,
}

/// A connection that is to be made again.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reconnecting {
    /// Why there is no connection.
    pub reason: Interruption,
    /// Time until the next attempt.
    pub delay: Duration,
    /// Number of the next attempt, counted from 1 since bytes last came in.
    pub attempt: u32,
}

/// Why a connection was lost or could not be made. `Display` gives the innermost cause alone, the rest is in
/// [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Interruption {
    /// The body came to its regular end.
    #[error("end of the stream")]
    End,
    /// The connection failed: name not found, refused, reset, cut in mid-body, bad certificate, bad HTTP.
    #[error("{}", root_cause(.0))]
    Network(#[source] reqwest::Error),
    /// No byte came for the whole idle timeout.
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
    /// 204: the server asks readers not to come back.
    #[error("the server answered 204 No Content: there are no more events")]
    NoContent,
    /// A status that is neither 200 nor 204. The body has not been read yet.
    #[error("the server answered {}", .0.status())]
    Status(Box<Response>),
    /// 200, but the body is no event stream. It has not been read yet.
    #[error("the server answered with {}, not with `text/event-stream`", content_type(.0))]
    ContentType(Box<Response>),
    /// 200 and an event stream, but in a coding such as gzip, which nobody asked for and this client cannot read. The
    /// body has not been read yet.
    #[error("the server sent the stream with content encoding `{}`, which was not asked for", content_encoding(.0))]
    ContentEncoding(Box<Response>),
    /// The last event id has a control character. Going on without it would lose events silently.
    #[error("the last event id has a control character, which an HTTP header cannot carry")]
    LastEventId,
    /// The last of the attempts that [`Builder::max_reconnects`](crate::Builder::max_reconnects) allows is over.
    #[error("{last}, and {} allowed", attempts(*.reconnects))]
    GaveUp {
        /// Attempts that were made since bytes last came in.
        reconnects: u32,
        /// What became of the last one.
        #[source]
        last: Interruption,
    },
    /// No request can be made of the URL and the headers, now or later.
    #[error("the request cannot be made: {}", root_cause(.0))]
    Request(#[source] reqwest::Error),
}

/// How many attempts there may be, in words.
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

/// A header's value, as far as it is worth showing.
fn shown(value: &HeaderValue) -> String {
    const MAX_CHARS: usize = 100;
    let text: String = String::from_utf8_lossy(value.as_bytes()).chars().take(MAX_CHARS).collect();
    text.escape_debug().to_string()
}
