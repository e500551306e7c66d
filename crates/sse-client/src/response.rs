//! Does a response open the stream, is the request to be retried, or does the source close? Looks at status and headers
//! as the standard says; reads no body.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use reqwest::{Response, StatusCode};

use crate::content_type::is_event_stream;
use crate::retry_after::retry_after;
use crate::signal::CloseReason;

/// What a response means for the stream.
pub(crate) enum Outcome {
    /// It is the stream.
    Open(Response),
    /// Try again, not before the delay that the server asks for.
    Retry {
        status: StatusCode,
        min_delay: Duration,
    },
    Close(CloseReason),
}

/// Which statuses are retried instead of closing the source. The standard retries none.
#[derive(Debug)]
pub(crate) struct RetryPolicy {
    pub(crate) statuses: HashSet<StatusCode>,
    /// Longest delay that a server can ask for by `Retry-After`. Default 5 min.
    pub(crate) max_retry_after: Duration,
    /// Longest delay that a stream can ask for by `retry`. Default 5 min.
    pub(crate) max_retry: Duration,
}

/// Five minutes: who waits longer is taken for gone.
const MAX_ASKED_DELAY: Duration = Duration::from_secs(300);

impl Default for RetryPolicy {
    fn default() -> Self {
        let max = MAX_ASKED_DELAY;
        Self { statuses: HashSet::new(), max_retry_after: max, max_retry: max }
    }
}

impl RetryPolicy {
    pub(crate) fn outcome(&self, response: Response) -> Outcome {
        let status = response.status();
        let is_stream = is_event_stream(response.headers());
        match status {
            StatusCode::OK if is_stream && is_encoded(response.headers()) => {
                Outcome::Close(CloseReason::ContentEncoding(Box::new(response)))
            }
            StatusCode::OK if is_stream => Outcome::Open(response),
            _ if self.statuses.contains(&status) => {
                let asked = retry_after(response.headers()).unwrap_or_default();
                Outcome::Retry { status, min_delay: asked.min(self.max_retry_after) }
            }
            StatusCode::OK => Outcome::Close(CloseReason::ContentType(Box::new(response))),
            StatusCode::NO_CONTENT => Outcome::Close(CloseReason::NoContent),
            _ => Outcome::Close(CloseReason::Status(Box::new(response))),
        }
    }
}

/// Is the body still encoded, for example with gzip? A client that decodes it removes the header.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| {
        let value = value.as_bytes().trim_ascii();
        !value.is_empty() && !value.eq_ignore_ascii_case(b"identity")
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn only_identity_is_not_encoded() {
        for (value, encoded) in [("gzip", true), ("Identity", false), ("", false), ("identity, br", true)] {
            let mut headers = HeaderMap::new();
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(is_encoded(&headers), encoded, "{value:?}");
        }
    }
}
