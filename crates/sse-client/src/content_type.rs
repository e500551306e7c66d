//! The `Content-Type` of a response: is it an event stream? Decides nothing else.

use reqwest::header::{CONTENT_TYPE, HeaderMap};

/// Is the body of this response an event stream? Looks at `Content-Type` as browsers do.
///
/// Fetch calls it extracting a MIME type: of all values, over all headers and between commas, the last one that is a
/// MIME type counts. Parameters and case do not matter.
pub fn is_event_stream(headers: &HeaderMap) -> bool {
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
}
