//! A healthy observation for the tests of checks to modify.

use std::time::Duration;

use sse_client::reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use sse_client::reqwest::{StatusCode, Url, Version};

use super::observation::{Answer, End, Observation, Stream};
use super::recording::Recording;

/// Watched for 20 s, with an event a second.
pub(super) fn healthy(url: &str) -> Observation {
    let url: Url = url.parse().unwrap();
    let headers = HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ]);
    let at = Duration::from_millis(10);
    let answer = Answer { url: url.clone(), status: StatusCode::OK, version: Version::HTTP_11, headers, at };
    Observation {
        url,
        socket: None,
        watch: Duration::from_secs(20),
        idle: None,
        page: None,
        redirects: Vec::new(),
        answer: Ok(answer),
        stream: Some(stream((0..20).map(|second| (second * 1000, format!("id: {second}\ndata: x\n\n"))))),
        cors: None,
        certificate: None,
    }
}

/// A stream of these bytes at these milliseconds, watched until 20 s.
pub(super) fn stream<B: AsRef<[u8]>>(pieces: impl IntoIterator<Item = (u64, B)>) -> Stream {
    let mut body = Recording::new(Duration::from_millis(10));
    for (millis, piece) in pieces {
        body.piece(Duration::from_millis(10 + millis), piece.as_ref());
    }
    Stream {
        body,
        began: "2026-11-22T10:00:00Z".parse().unwrap(),
        end: End::Open,
        ended: Duration::from_millis(20_010),
        compressed: None,
        resume: None,
    }
}
