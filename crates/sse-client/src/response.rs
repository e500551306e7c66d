//! Does this answer open the stream, is it to be waited for, or does it end the stream? Looks at status and headers,
//! as the standard says; reads no body.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use reqwest::{Response, StatusCode};

use crate::{CloseReason, retry_after};

/// What becomes of an answer.
pub(crate) enum Verdict {
    /// It is the stream.
    Open(Response),
    /// Ask again, not before the delay that the server asks for.
    Wait {
        status: StatusCode,
        least: Duration,
    },
    Close(CloseReason),
}

/// Which answers are waited for instead of closing. The standard knows none.
#[derive(Debug)]
pub(crate) struct Patience {
    pub(crate) statuses: HashSet<StatusCode>,
    /// Longest delay that a server can ask for. Default 5 min.
    pub(crate) max_retry_after: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { statuses: HashSet::new(), max_retry_after: Duration::from_secs(300) }
    }
}

impl Patience {
    pub(crate) fn judge(&self, response: Response) -> Verdict {
        let status = response.status();
        let is_stream = is_event_stream(response.headers());
        match status {
            StatusCode::OK if is_stream && is_coded(response.headers()) => {
                Verdict::Close(CloseReason::ContentEncoding(Box::new(response)))
            }
            StatusCode::OK if is_stream => Verdict::Open(response),
            _ if self.statuses.contains(&status) => {
                let asked = retry_after::read(response.headers()).unwrap_or_default();
                Verdict::Wait { status, least: asked.min(self.max_retry_after) }
            }
            StatusCode::OK => Verdict::Close(CloseReason::ContentType(Box::new(response))),
            StatusCode::NO_CONTENT => Verdict::Close(CloseReason::NoContent),
            _ => Verdict::Close(CloseReason::Status(Box::new(response))),
        }
    }
}

/// What Fetch calls extracting a MIME type: of all values, over all headers and between commas, the last one that is a
/// MIME type counts. Parameters and case do not matter.
fn is_event_stream(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONTENT_TYPE).iter().flat_map(|value| split_values(value.as_bytes()));
    values
        .filter_map(essence)
        .last()
        .is_some_and(|essence| essence.eq_ignore_ascii_case(b"text/event-stream"))
}

/// Cuts at the commas that are not inside quotes.
fn split_values(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    list.split(move |byte| {
        let was_escaped = escaped;
        escaped = quoted && !was_escaped && *byte == b'\\';
        quoted ^= *byte == b'"' && !was_escaped;
        *byte == b',' && !quoted
    })
}

/// `type/subtype` without parameters; `None` if it is no MIME type, or stands for all.
fn essence(value: &[u8]) -> Option<&[u8]> {
    let essence = value.split(|byte| *byte == b';').next()?.trim_ascii();
    let slash = memchr::memchr(b'/', essence)?;
    let (name, subtype) = essence.split_at(slash);
    let is_token = |text: &[u8]| !text.is_empty() && text.iter().all(is_token_byte);
    (is_token(name) && subtype.split_first().is_some_and(|(_, rest)| is_token(rest)) && essence != b"*/*")
        .then_some(essence)
}

/// The bytes of a token in HTTP.
fn is_token_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

/// The body is coded, and stays so: a client that undoes a coding takes the header away.
fn is_coded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| {
        let value = value.as_bytes().trim_ascii();
        !value.is_empty() && !value.eq_ignore_ascii_case(b"identity")
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn accepts(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_TYPE, HeaderValue::from_static(value));
        }
        is_event_stream(&headers)
    }

    #[test]
    fn parameters_and_case_do_not_matter() {
        for value in [
            "text/event-stream",
            "Text/Event-Stream; charset=utf-8",
            "text/event-stream;charset=latin1",
            "text/event-stream; x=\"a, text/html\"",
            "text/event-stream; x=\"a\\\", text/html\"",
            " text/event-stream ;x",
        ] {
            assert!(accepts(&[value]), "{value}");
        }
    }

    #[test]
    fn every_other_type_is_refused() {
        for value in [
            "",
            "text/html",
            "text/event-streams",
            "text/event",
            "application/text/event-stream",
            ";text/event-stream",
        ] {
            assert!(!accepts(&[value]), "{value}");
        }
        assert!(!accepts(&[]));
    }

    #[test]
    fn the_last_of_several_counts() {
        assert!(accepts(&["text/html", "text/event-stream"]));
        assert!(accepts(&["text/html, text/event-stream"]));
        assert!(!accepts(&["text/event-stream", "text/html"]));
        assert!(!accepts(&["text/event-stream, text/html; x"]));
    }

    #[test]
    fn what_is_no_type_does_not_count() {
        for no_type in ["", "*/*", "text", "text/", "/html", "text/ht ml", "a b/c", "gr\u{fc}n/x"] {
            let list = format!("text/event-stream, {no_type}");
            let mut headers = HeaderMap::new();
            headers.append(CONTENT_TYPE, HeaderValue::from_str(&list).unwrap());
            assert!(is_event_stream(&headers), "{no_type:?}");
        }
    }

    #[test]
    fn only_identity_is_no_coding() {
        for (value, coded) in [("gzip", true), ("Identity", false), ("", false), ("identity, br", true)] {
            let mut headers = HeaderMap::new();
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(is_coded(&headers), coded, "{value:?}");
        }
    }
}
