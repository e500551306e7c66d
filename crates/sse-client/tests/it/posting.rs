//! Methods other than GET, and bodies.

use sse_client::reqwest::Method;
use sse_client::reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use sse_client::{CloseReason, Interruption, Signal};

use super::{quick, run, run_words};
use crate::server::{Script, Server};

fn redirect(status: &str, path: &str) -> Script {
    Script::answer(&format!("{status}\r\nLocation: {path}\r\nContent-Length: 0"))
}

#[tokio::test]
async fn the_body_is_sent_again_with_each_attempt() {
    let mut server = Server::start([
        Script::stream().send("id: 1\ndata: x\n\n"),
        Script::default(),
        Script::stream().send("data: y\n\n"),
    ])
    .await;
    let body = r#"{"stream":true}"#;
    let source = quick(&server)
        .method(Method::POST)
        .body(body)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    run(source).await;
    for id in [None, Some("1"), Some("1"), Some("1")] {
        let request = server.request().await;
        assert_eq!(request.line(), "POST /events HTTP/1.1");
        assert_eq!(request.header("content-type").unwrap(), "application/json");
        assert_eq!(request.header("accept").unwrap(), "text/event-stream");
        assert_eq!(request.header("last-event-id").as_deref(), id);
        assert_eq!(request.body, body.as_bytes());
    }
}

#[tokio::test]
async fn any_method_goes_without_a_body() {
    let mut server = Server::start([]).await;
    run(quick(&server).method(Method::from_bytes(b"REPORT").unwrap())).await;
    let request = server.request().await;
    assert_eq!(request.line(), "REPORT /events HTTP/1.1");
    assert!(request.body.is_empty());
}

#[tokio::test]
async fn no_reconnects_end_a_stream_that_is_answered_once() {
    let mut server = Server::start([Script::stream().send("data: a\n\ndata: [DONE]\n\n")]).await;
    let source = quick(&server).method(Method::POST).body("{}").max_reconnects(0);
    let mut signals = run(source).await;
    assert!(matches!(
        signals.pop(),
        Some(Signal::Closed(CloseReason::GaveUp { reconnects: 0, last: Interruption::End }))
    ));
    assert_eq!(signals.len(), 3, "{signals:?}");
    server.request().await;
    assert!(server.no_request().await, "the work was asked for once");
}

#[tokio::test]
async fn a_307_and_a_308_keep_method_and_body() {
    for status in ["307 Temporary Redirect", "308 Permanent Redirect"] {
        let mut server = Server::start([redirect(status, "/b"), Script::stream()]).await;
        let words = run_words(quick(&server).method(Method::POST).body("work").max_reconnects(0)).await;
        assert_eq!(words[0], "opened /b");
        for line in ["POST /events HTTP/1.1", "POST /b HTTP/1.1"] {
            let request = server.request().await;
            assert_eq!((request.line().as_str(), request.body.as_slice()), (line, &b"work"[..]));
        }
    }
}

#[tokio::test]
async fn a_301_302_and_303_make_a_get_of_a_post_for_one_attempt() {
    for status in ["301 Moved Permanently", "302 Found", "303 See Other"] {
        let mut server = Server::start([redirect(status, "/b"), Script::stream().send(":\n")]).await;
        let source = quick(&server)
            .method(Method::POST)
            .header(CONTENT_TYPE, HeaderValue::from_static("text/plain"))
            .header(AUTHORIZATION, HeaderValue::from_static("Bearer abc"))
            .body("work");
        run(source).await;
        for (line, body) in
            [("POST /events HTTP/1.1", "work"), ("GET /b HTTP/1.1", ""), ("POST /events HTTP/1.1", "work")]
        {
            let request = server.request().await;
            assert_eq!((request.line().as_str(), request.body.as_slice()), (line, body.as_bytes()));
            assert_eq!(request.header("content-type").is_some(), !body.is_empty());
            assert_eq!(request.header("authorization").unwrap(), "Bearer abc", "the origin is the same");
        }
    }
}
