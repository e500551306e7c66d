//! Does this answer open the stream, is it to be waited for, or does it end the stream? Looks at status and headers,
//! as the standard says; reads no body.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
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

/// Parameters and case do not matter. Of several content types the last one counts, as in browsers.
fn is_event_stream(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get_all(CONTENT_TYPE).iter().next_back() else {
        return false;
    };
    let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
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
        assert!(!accepts(&["text/event-stream", "text/html"]));
    }
}
