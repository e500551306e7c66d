//! The head of the response: content type, HTTP version, caching.

use sse_client::reqwest::header::{AGE, CACHE_CONTROL};
use sse_client::reqwest::{StatusCode, Url, Version};

use crate::body;
use crate::doctor::finding::{Finding, Verdict};
use crate::doctor::fix;
use crate::doctor::observation::{Answer, Observation};

pub(super) fn content_type(_: &Observation, answer: &Answer) -> Verdict {
    if answer.status != StatusCode::OK {
        return Verdict::Unjudged("the status is not 200");
    }
    let content_type = answer.content_type().unwrap_or_default();
    if !answer.is_event_stream() {
        let seen = if content_type.is_empty() {
            "there is no Content-Type".to_owned()
        } else {
            format!("Content-Type: {content_type}")
        };
        return Finding::fault("the answer is not an event stream")
            .seen(seen)
            .why("EventSource closes for good unless the type is text/event-stream.")
            .fix(fix::CONTENT_TYPE);
    }
    match charset(&content_type) {
        Some(charset) if !charset.eq_ignore_ascii_case("utf-8") => {
            Finding::warning("the charset is not UTF-8")
                .seen(format!("Content-Type: {content_type}"))
                .why("Event streams are always UTF-8. Browsers ignore the charset, other clients may not.")
                .fix(fix::CHARSET)
        }
        _ => Verdict::Good(body::media_type(&answer.headers)),
    }
}

fn charset(content_type: &str) -> Option<&str> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let charset = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    charset.map(|(_, value)| value.trim().trim_matches('"'))
}

/// Browsers use HTTP/2 only over https.
pub(super) fn version(seen: &Observation, answer: &Answer) -> Verdict {
    let shown = format!("{:?}", answer.version);
    let socket = seen.socket.is_some();
    let seen = format!("{shown} over {}", answer.url.scheme());
    let why = "Over HTTP/1 a browser opens at most six connections to a host, over all tabs, and each stream \
               occupies one. The seventh tab hangs.";
    if answer.version >= Version::HTTP_2 {
        return Verdict::Good(shown);
    }
    if answer.version < Version::HTTP_11 {
        return Finding::warning("the server answers with HTTP/1.0")
            .seen(seen)
            .why("Without chunks, a broken stream looks like one that has ended.")
            .fix(fix::MULTIPLEX);
    }
    // The version for browsers is up to the proxy in front.
    if socket {
        return Verdict::Good(format!("{shown}, over a Unix socket"));
    }
    if answer.url.scheme() == "https" {
        return Finding::warning("there is no HTTP/2").seen(seen).why(why).fix(fix::MULTIPLEX);
    }
    if is_this_machine(&answer.url) {
        return Verdict::Good(format!("{shown}, on this machine"));
    }
    Finding::note("without https there is no HTTP/2 for browsers").seen(seen).why(why).fix(fix::ENCRYPT)
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

pub(super) fn cache_control(_: &Observation, answer: &Answer) -> Verdict {
    if !answer.is_event_stream() {
        return Verdict::Unjudged("no stream");
    }
    if let Some(age) = answer.header(AGE).filter(|age| age != "0") {
        return Finding::fault("the answer comes from a cache")
            .seen(format!("Age: {age}"))
            .why("Readers get an old part of the stream instead of live events.")
            .fix(fix::NO_CACHE);
    }
    let Some(value) = answer.header(CACHE_CONTROL) else {
        return Finding::warning("nothing keeps caches from storing the stream")
            .seen("there is no Cache-Control")
            .why("A cache may hold the response back until it ends, and give the old one to the next reader.")
            .fix(fix::NO_CACHE);
    };
    let lower = value.to_ascii_lowercase();
    let directives: Vec<&str> = lower.split(',').map(str::trim).collect();
    let fresh = |name| directives.contains(&name);
    if fresh("no-cache") || fresh("no-store") || fresh("max-age=0") {
        return Verdict::Good(value);
    }
    Finding::warning("caches may store the stream")
        .seen(format!("Cache-Control: {value}"))
        .why("A cache may hold the response back until it ends, and give the old one to the next reader.")
        .fix(fix::NO_CACHE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;
    use crate::doctor::fix::Fix;
    use crate::doctor::sample::healthy;

    fn found(url: &str, http: Version) -> Option<(Severity, Fix)> {
        judged(healthy(url), http)
    }

    fn found_over_a_socket(url: &str, http: Version) -> Option<(Severity, Fix)> {
        judged(Observation { socket: Some("/run/hub.sock".into()), ..healthy(url) }, http)
    }

    fn judged(mut seen: Observation, http: Version) -> Option<(Severity, Fix)> {
        let mut answer = seen.answer.unwrap();
        answer.version = http;
        seen.answer = Ok(answer.clone());
        match version(&seen, &answer) {
            Verdict::Found(findings) => Some((findings[0].severity, findings[0].fix)),
            _ => None,
        }
    }

    #[test]
    fn http1_matters_where_browsers_would_speak_http2() {
        let (https, http) = ("https://example.com/x", "http://example.com/x");
        assert_eq!(found(https, Version::HTTP_2), None);
        assert_eq!(found(https, Version::HTTP_11), Some((Severity::Warning, fix::MULTIPLEX)));
        assert_eq!(found(http, Version::HTTP_11), Some((Severity::Note, fix::ENCRYPT)));
        for near in
            ["http://localhost:3000/x", "http://127.0.0.1/x", "http://[::1]/x", "http://a.localhost/x"]
        {
            assert_eq!(found(near, Version::HTTP_11), None, "{near}");
        }
    }

    #[test]
    fn over_a_socket_http1_is_good() {
        for url in ["https://example.com/x", "http://example.com/x"] {
            assert_eq!(found_over_a_socket(url, Version::HTTP_11), None, "{url}");
            let old = Some((Severity::Warning, fix::MULTIPLEX));
            assert_eq!(found_over_a_socket(url, Version::HTTP_10), old, "{url}");
        }
    }
}
