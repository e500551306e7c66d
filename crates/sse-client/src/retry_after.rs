//! The `Retry-After` of an answer: how long the server asks to stay away. Pure but for the clock, where the answer
//! brings no date of its own.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// Whole seconds, or the time up to a date. A date is counted from the answer's own `Date`, so that a clock that is
/// wrong on either side does not matter. `None` when there is none, or none that means anything.
pub(crate) fn read(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, &RETRY_AFTER)?;
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that do not fit are a very long time.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = date(value)?;
    let now = text(headers, &DATE).and_then(date).unwrap_or_else(SystemTime::now);
    Some(until.duration_since(now).unwrap_or_default())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Any of the three forms of a date in HTTP.
fn date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn seconds(retry_after: &'static str, date: Option<&'static str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(retry_after));
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_static(date));
        }
        read(&headers).map(|time| time.as_secs())
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
    fn what_means_nothing_is_none() {
        for text in ["", " ", "-1", "1.5", "soon", "1 s", "Sun, 06 Nov 1994", "\u{0}"] {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(RETRY_AFTER, value);
            }
            assert_eq!(read(&headers), None, "{text:?}");
        }
        assert_eq!(read(&HeaderMap::new()), None);
    }
}
