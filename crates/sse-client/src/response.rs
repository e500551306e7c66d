//! Does this answer open the stream? Looks at status and content type, as the standard says; reads no body.

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Response, StatusCode};

use crate::CloseReason;

/// Gives the answer back if it opens the stream, else the reason to close for good.
pub(crate) fn check(response: Response) -> Result<Response, CloseReason> {
    match response.status() {
        StatusCode::OK if is_event_stream(response.headers()) => Ok(response),
        StatusCode::OK => Err(CloseReason::ContentType(Box::new(response))),
        StatusCode::NO_CONTENT => Err(CloseReason::NoContent),
        _ => Err(CloseReason::Status(Box::new(response))),
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
