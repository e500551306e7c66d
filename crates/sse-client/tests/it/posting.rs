//! Methods other than GET, and bodies.

use sse_client::reqwest::Method;
use sse_client::reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};

use super::story::tell;
use crate::server::Script;

#[tokio::test]
async fn the_body_is_sent_again_with_each_attempt() {
    let requests = tell(
        [
            Script::stream().send("id: 1\ndata: x\n\n"),
            Script::default(),
            Script::stream().send("data: y\n\n"),
        ],
        |source| {
            let json = HeaderValue::from_static("application/json");
            source.method(Method::POST).body(r#"{"stream":true}"#).header(CONTENT_TYPE, json)
        },
        r#"> POST /events: {"stream":true}
        opened /events
        message [1] x
        again in 100 ms, 1: end of the stream
        > POST /events [1]: {"stream":true}
        again in 100 ms, 2: connection closed before message completed
        > POST /events [1]: {"stream":true}
        opened /events
        message [1] y
        again in 100 ms, 1: end of the stream
        > POST /events [1]: {"stream":true}
        closed by 204"#,
    )
    .await;
    for request in requests {
        assert_eq!(request.header("content-type").unwrap(), "application/json");
        assert_eq!(request.header("accept").unwrap(), "text/event-stream");
    }
}

#[tokio::test]
async fn any_method_goes_without_a_body() {
    tell(
        [],
        |source| source.method(Method::from_bytes(b"REPORT").unwrap()),
        "> REPORT /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn a_stream_that_is_answered_once_is_asked_for_once() {
    tell(
        [Script::stream().send("data: a\n\ndata: [DONE]\n\n")],
        |source| source.method(Method::POST).body("{}").max_reconnects(0),
        "> POST /events: {}
        opened /events
        message [] a
        message [] [DONE]
        closed: end of the stream, and no reconnect is allowed",
    )
    .await;
}

#[tokio::test]
async fn a_307_and_a_308_keep_method_and_body() {
    for status in ["307 Temporary Redirect", "308 Permanent Redirect"] {
        tell(
            [Script::redirect(status, "/there"), Script::stream()],
            |source| source.method(Method::POST).body("work").max_reconnects(0),
            "> POST /events: work
            > POST /there: work
            opened /there
            closed: end of the stream, and no reconnect is allowed",
        )
        .await;
    }
}

#[tokio::test]
async fn a_301_302_and_303_make_a_get_of_a_post_for_one_attempt() {
    for status in ["301 Moved Permanently", "302 Found", "303 See Other"] {
        let requests = tell(
            [Script::redirect(status, "/there"), Script::stream()],
            |source| {
                let text = HeaderValue::from_static("text/plain");
                let token = HeaderValue::from_static("Bearer abc");
                let source = source.header(CONTENT_TYPE, text).header(AUTHORIZATION, token);
                source.method(Method::POST).body("work")
            },
            "> POST /events: work
            > GET /there
            opened /there
            again in 100 ms, 1: end of the stream
            > POST /events: work
            closed by 204",
        )
        .await;
        assert_eq!(requests[1].header("content-type"), None);
        assert_eq!(requests[1].header("authorization").unwrap(), "Bearer abc", "the origin is the same");
        assert_eq!(requests[2].header("content-type").unwrap(), "text/plain");
    }
}
