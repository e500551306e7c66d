//! The header `Retry-After` of a response. Reads the clock only when the response has no `Date`.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// The delay that `Retry-After` asks for: whole seconds, or the time until a date. `None` when the header is missing or
/// malformed.
///
/// A date is compared with the response's own `Date`, so a wrong clock on either side does not matter.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, &RETRY_AFTER)?;
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that overflow mean a very long time.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = date(value)?;
    let now = text(headers, &DATE).and_then(date).unwrap_or_else(SystemTime::now);
    Some(until.duration_since(now).unwrap_or_default())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Takes each of the three date formats of HTTP.
fn date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn seconds(value: &'static str, date: Option<&'static str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_static(date));
        }
        retry_after(&headers).map(|time| time.as_secs())
    }

    #[test]
    fn reads_seconds() {
        for (text, expected) in
            [("0", Some(0)), ("120", Some(120)), (" 7 ", Some(7)), ("99999999999999999999", Some(u64::MAX))]
        {
            assert_eq!(seconds(text, None), expected, "{text:?}");
        }
    }

    #[test]
    fn reads_each_form_of_a_date() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for text in
            ["Sun, 06 Nov 1994 08:50:37 GMT", "Sunday, 06-Nov-94 08:50:37 GMT", "Sun Nov  6 08:50:37 1994"]
        {
            assert_eq!(seconds(text, date), Some(60), "{text:?}");
        }
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:00 GMT", date), Some(0), "a date that is past");
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:00 GMT", None), Some(0), "against the clock");
        assert!(seconds("Fri, 31 Dec 9999 23:59:59 GMT", Some("soon")).unwrap() > 1 << 30);
    }

    #[test]
    fn malformed_values_are_none() {
        for text in ["", " ", "-1", "1.5", "soon", "1 s", "Sun, 06 Nov 1994", "\u{0}"] {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(RETRY_AFTER, value);
            }
            assert_eq!(retry_after(&headers), None, "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
