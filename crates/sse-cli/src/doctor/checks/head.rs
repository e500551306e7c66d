//! The head of the answer: content type, version of HTTP, caching.

use sse_client::reqwest::header::{AGE, CACHE_CONTROL};
use sse_client::reqwest::{StatusCode, Url, Version};

use crate::doctor::finding::{Finding, Severity, Verdict};
use crate::doctor::observation::{Answer, Observation, essence};
use crate::doctor::remedy::Remedy;

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
        return Verdict::found(Finding {
            severity: Severity::Fault,
            title: "the answer is no event stream",
            seen,
            why: "EventSource closes for good unless the type is text/event-stream.",
            remedy: Remedy::ContentType,
        });
    }
    match charset(&content_type) {
        Some(charset) if !charset.eq_ignore_ascii_case("utf-8") => Verdict::found(Finding {
            severity: Severity::Warning,
            title: "the charset is not UTF-8",
            seen: format!("Content-Type: {content_type}"),
            why: "Event streams are always UTF-8. Browsers ignore the charset, other clients may not.",
            remedy: Remedy::Charset,
        }),
        _ => Verdict::Good(essence(&content_type).to_owned()),
    }
}

fn charset(content_type: &str) -> Option<&str> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let charset = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    charset.map(|(_, value)| value.trim().trim_matches('"'))
}

/// Browsers speak HTTP/2 over https only.
pub(super) fn version(seen: &Observation, answer: &Answer) -> Verdict {
    let shown = format!("{:?}", answer.version);
    let socket = seen.socket.is_some();
    let seen = format!("{shown} over {}", answer.url.scheme());
    let why = "Over HTTP/1 a browser opens six connections to a host, for all its tabs together, and each stream \
               takes one. With the seventh tab everything hangs.";
    if answer.version >= Version::HTTP_2 {
        return Verdict::Good(shown);
    }
    if answer.version < Version::HTTP_11 {
        return Verdict::found(Finding {
            severity: Severity::Warning,
            title: "the server answers with HTTP/1.0",
            seen,
            why: "Its bodies have no frames, so a stream that breaks looks like one that ends.",
            remedy: Remedy::Multiplex,
        });
    }
    // What browsers would speak is up to the proxy before it.
    if socket {
        return Verdict::Good(format!("{shown}, over a Unix socket"));
    }
    if answer.url.scheme() == "https" {
        return Verdict::found(Finding {
            severity: Severity::Warning,
            title: "there is no HTTP/2",
            seen,
            why,
            remedy: Remedy::Multiplex,
        });
    }
    if is_this_machine(&answer.url) {
        return Verdict::Good(format!("{shown}, on this machine"));
    }
    Verdict::found(Finding {
        severity: Severity::Note,
        title: "without https there is no HTTP/2 for browsers",
        seen,
        why,
        remedy: Remedy::Encrypt,
    })
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
        return Verdict::found(Finding {
            severity: Severity::Fault,
            title: "the answer comes out of a cache",
            seen: format!("Age: {age}"),
            why: "What comes is an old piece of the stream, and not what happens now.",
            remedy: Remedy::NoCache,
        });
    }
    let Some(value) = answer.header(CACHE_CONTROL) else {
        return Verdict::found(Finding {
            severity: Severity::Warning,
            title: "nothing keeps caches from storing the stream",
            seen: "there is no Cache-Control".to_owned(),
            why: "A cache may take the answer in, hold it until it ends, and give the old one to the next reader.",
            remedy: Remedy::NoCache,
        });
    };
    let lower = value.to_ascii_lowercase();
    let directives: Vec<&str> = lower.split(',').map(str::trim).collect();
    let fresh = |name| directives.contains(&name);
    if fresh("no-cache") || fresh("no-store") || fresh("max-age=0") {
        return Verdict::Good(value);
    }
    Verdict::found(Finding {
        severity: Severity::Warning,
        title: "caches may store the stream",
        seen: format!("Cache-Control: {value}"),
        why: "A cache may take the answer in, hold it until it ends, and give the old one to the next reader.",
        remedy: Remedy::NoCache,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::sample::healthy;

    fn found(url: &str, http: Version) -> Option<(Severity, Remedy)> {
        judged(healthy(url), http)
    }

    fn found_over_a_socket(url: &str, http: Version) -> Option<(Severity, Remedy)> {
        judged(Observation { socket: Some("/run/hub.sock".into()), ..healthy(url) }, http)
    }

    fn judged(mut seen: Observation, http: Version) -> Option<(Severity, Remedy)> {
        let mut answer = seen.answer.unwrap();
        answer.version = http;
        seen.answer = Ok(answer.clone());
        match version(&seen, &answer) {
            Verdict::Found(findings) => Some((findings[0].severity, findings[0].remedy)),
            _ => None,
        }
    }

    #[test]
    fn http1_matters_where_browsers_would_speak_http2() {
        let (https, http) = ("https://example.com/x", "http://example.com/x");
        assert_eq!(found(https, Version::HTTP_2), None);
        assert_eq!(found(https, Version::HTTP_11), Some((Severity::Warning, Remedy::Multiplex)));
        assert_eq!(found(http, Version::HTTP_11), Some((Severity::Note, Remedy::Encrypt)));
        for near in
            ["http://localhost:3000/x", "http://127.0.0.1/x", "http://[::1]/x", "http://a.localhost/x"]
        {
            assert_eq!(found(near, Version::HTTP_11), None, "{near}");
        }
    }

    #[test]
    fn over_a_socket_http1_is_what_the_proxy_wants() {
        for url in ["https://example.com/x", "http://example.com/x"] {
            assert_eq!(found_over_a_socket(url, Version::HTTP_11), None, "{url}");
            let old = Some((Severity::Warning, Remedy::Multiplex));
            assert_eq!(found_over_a_socket(url, Version::HTTP_10), old, "{url}");
        }
    }
}
