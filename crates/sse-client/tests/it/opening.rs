//! Which answers open the stream, and which end it for good.

use sse_client::reqwest::StatusCode;
use sse_client::{CloseReason, Signal};

use super::{quick, run, run_words};
use crate::server::{Script, Server};

/// The signals that one answer leads to.
async fn signals(script: Script) -> Vec<String> {
    let server = Server::start([script]).await;
    run_words(quick(&server)).await
}

#[tokio::test]
async fn opens_with_parameters_and_in_any_case() {
    for content_type in ["text/event-stream", "Text/Event-Stream; charset=utf-8", "text/event-stream;x=y"] {
        let script = Script::answer(&format!("200 OK\r\nContent-Type: {content_type}")).send("data: x\n\n");
        assert_eq!(signals(script).await[..2], ["opened /events", "message [] x"], "{content_type}");
    }
}

#[tokio::test]
async fn closes_on_another_content_type() {
    let words = signals(Script::answer("200 OK\r\nContent-Type: text/html; charset=utf-8")).await;
    assert_eq!(
        words,
        [
            "closed: the server answered with content type `text/html; charset=utf-8`, not with `text/event-stream`"
        ]
    );
    let words = signals(Script::answer("200 OK")).await;
    assert_eq!(words, ["closed: the server answered with no content type, not with `text/event-stream`"]);
}

#[tokio::test]
async fn closes_on_204() {
    let words = signals(Script::answer("204 No Content\r\nContent-Type: text/event-stream")).await;
    assert_eq!(words, ["closed: the server answered 204 No Content: there are no more events"]);
}

#[tokio::test]
async fn closes_on_every_other_status() {
    for status in
        ["201 Created", "304 Not Modified", "401 Unauthorized", "404 Not Found", "500 Internal Server Error"]
    {
        let script =
            Script::answer(&format!("{status}\r\nContent-Type: text/event-stream")).send("data: x\n\n");
        assert_eq!(signals(script).await, [format!("closed: the server answered {status}")]);
    }
}

#[tokio::test]
async fn the_body_of_a_refusal_can_be_read() {
    let server = Server::start([Script::answer("403 Forbidden\r\nContent-Length: 4").send("nope")]).await;
    let mut signals = run(quick(&server)).await;
    let Some(Signal::Closed(CloseReason::Status(response))) = signals.pop() else { panic!("{signals:?}") };
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.text().await.unwrap(), "nope");
}

#[tokio::test]
async fn follows_redirects_and_starts_over_at_the_first_url() {
    let mut server = Server::start([
        Script::answer("302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0"),
        Script::stream().send("id: 1\ndata: x\n\n"),
        Script::answer("307 Temporary Redirect\r\nLocation: /third\r\nContent-Length: 0"),
        Script::stream().send("data: y\n\n"),
    ])
    .await;
    let words = run_words(quick(&server)).await;
    assert_eq!(words[..3], ["opened /elsewhere", "message [1] x", "reconnecting 1: end of the stream"]);
    assert_eq!(words[3..5], ["opened /third", "message [1] y"]);
    for (path, id) in [
        ("/events", None),
        ("/elsewhere", None),
        ("/events", Some("1")),
        ("/third", Some("1")),
        ("/events", Some("1")),
    ] {
        let request = server.request().await;
        assert_eq!(request.line(), format!("GET {path} HTTP/1.1"));
        assert_eq!(request.header("last-event-id").as_deref(), id);
        assert_eq!(request.header("accept").unwrap(), "text/event-stream");
    }
}

#[tokio::test]
async fn nothing_comes_after_closed() {
    let server = Server::start([]).await;
    let mut source = quick(&server).build().unwrap();
    assert!(matches!(source.next().await, Some(Signal::Closed(CloseReason::NoContent))));
    assert!(source.next().await.is_none());
    assert!(source.next().await.is_none());
}
