//! Which answers open the stream, and which end it for good.

use std::time::Duration;

use sse_client::reqwest::StatusCode;
use sse_client::{CloseReason, EventSource, Signal};

use super::story::{happen, tell};
use super::{millis, quick};
use crate::server::{Script, Server};

/// An answer that never opens: one request, one reason.
async fn closes(script: Script, reason: &str) {
    tell([script], |source| source, &format!("> GET /events\nclosed: {reason}")).await;
}

/// An answer that opens.
async fn opens(head: &str) {
    tell(
        [Script::answer(head).send("data: x\n\n")],
        |source| source,
        "> GET /events
        opened /events
        message [] x
        again in 100 ms, 1: end of the stream
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn opens_on_200_with_the_content_type() {
    opens("200 OK\r\nContent-Type: text/event-stream").await;
}

#[tokio::test]
async fn opens_with_parameters_and_in_any_case() {
    opens("200 OK\r\nContent-Type: Text/Event-Stream; charset=latin1").await;
    opens("200 OK\r\ncontent-type:text/event-stream;x=y").await;
}

#[tokio::test]
async fn opens_when_the_last_of_several_types_fits() {
    opens("200 OK\r\nContent-Type: text/html\r\nContent-Type: text/event-stream").await;
    opens("200 OK\r\nContent-Type: text/plain, text/event-stream").await;
}

#[tokio::test]
async fn opens_after_interim_answers() {
    tell(
        [Script::default()
            .send("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
            .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n")],
        |source| source.max_reconnects(0),
        "> GET /events
        opened /events
        message [] x
        closed: end of the stream, and no reconnect is allowed",
    )
    .await;
}

#[tokio::test]
async fn opens_on_an_answer_of_http_1_0() {
    tell(
        [Script::default().send("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n")],
        |source| source.max_reconnects(0),
        "> GET /events
        opened /events
        message [] x
        closed: end of the stream, and no reconnect is allowed",
    )
    .await;
}

#[tokio::test]
async fn closes_on_another_content_type() {
    closes(
        Script::answer("200 OK\r\nContent-Type: text/html; charset=utf-8").send("data: x\n\n"),
        "the server answered with content type `text/html; charset=utf-8`, not with `text/event-stream`",
    )
    .await;
    closes(
        Script::answer("200 OK\r\nContent-Type: text/event-stream\r\nContent-Type: text/plain"),
        "the server answered with content type `text/plain`, not with `text/event-stream`",
    )
    .await;
}

#[tokio::test]
async fn closes_without_a_content_type() {
    closes(
        Script::answer("200 OK").send("data: x\n\n"),
        "the server answered with no content type, not with `text/event-stream`",
    )
    .await;
}

#[tokio::test]
async fn closes_on_a_coding_it_did_not_ask_for() {
    closes(
        Script::answer("200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip").send("\x1f"),
        "the server sent the stream with content encoding `gzip`, which was not asked for",
    )
    .await;
}

#[tokio::test]
async fn closes_on_204() {
    let mut server =
        Server::start([Script::answer("204 No Content\r\nContent-Type: text/event-stream")]).await;
    let source = quick(&server);
    let mut story = happen(&mut server, source).await;
    assert_eq!(story.lines, ["> GET /events", "closed by 204"]);
    let Some(Signal::Closed(reason)) = story.signals.pop() else { panic!() };
    assert_eq!(reason.to_string(), "the server answered 204 No Content: there are no more events");
}

#[tokio::test]
async fn after_the_end_of_its_topics_a_204_is_asked_for_without_backoff() {
    let end = "event: end\nid: 2\ntopic: a\nhub: end\ndata: {\"topic\":\"a\"}\n\n";
    let mut server = Server::start([
        Script::stream().send("id: 1\ndata: x\n\n"),
        Script::stream(),
        Script::stream(),
        Script::stream().send(end),
        Script::answer("204 No Content"),
    ])
    .await;
    // Each attempt that brings nothing doubles the delay.
    let source = quick(&server).max_reconnect_delay(Duration::from_secs(1));
    let story = happen(&mut server, source).await;
    assert_eq!(story.delays().last(), Some(&millis(100)), "{:?}", story.delays());
    assert_eq!(
        story.lines.split_at(story.lines.len() - 4).1,
        [
            "end [2] {\"topic\":\"a\"}",
            "again in 100 ms, 1: end of the stream",
            "> GET /events [2]",
            "closed by 204"
        ]
    );
}

#[tokio::test]
async fn a_204_ends_a_stream_that_was_open() {
    tell(
        [Script::stream().send("id: 1\ndata: x\n\n"), Script::answer("204 No Content")],
        |source| source,
        "> GET /events
        opened /events
        message [1] x
        again in 100 ms, 1: end of the stream
        > GET /events [1]
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn closes_on_a_success_that_is_not_200() {
    for status in ["201 Created", "202 Accepted", "205 Reset Content", "206 Partial Content"] {
        let head = format!("{status}\r\nContent-Type: text/event-stream");
        closes(Script::answer(&head).send("data: x\n\n"), &format!("the server answered {status}")).await;
    }
}

#[tokio::test]
async fn closes_on_a_redirect_that_leads_nowhere() {
    for status in ["300 Multiple Choices", "304 Not Modified", "302 Found"] {
        let head = format!("{status}\r\nContent-Type: text/event-stream");
        closes(Script::answer(&head).send("data: x\n\n"), &format!("the server answered {status}")).await;
    }
}

#[tokio::test]
async fn closes_on_a_fault_of_the_client() {
    for status in
        ["400 Bad Request", "401 Unauthorized", "404 Not Found", "410 Gone", "429 Too Many Requests"]
    {
        let head = format!("{status}\r\nContent-Type: text/event-stream");
        closes(Script::answer(&head).send("data: x\n\n"), &format!("the server answered {status}")).await;
    }
}

#[tokio::test]
async fn closes_on_a_fault_of_the_server() {
    for status in ["500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable"] {
        let head = format!("{status}\r\nContent-Type: text/event-stream\r\nRetry-After: 0");
        closes(Script::answer(&head).send("data: x\n\n"), &format!("the server answered {status}")).await;
    }
}

#[tokio::test]
async fn closes_on_a_refusal_after_it_was_open() {
    tell(
        [Script::stream().send("data: x\n\n"), Script::answer("403 Forbidden")],
        |source| source,
        "> GET /events
        opened /events
        message [] x
        again in 100 ms, 1: end of the stream
        > GET /events
        closed: the server answered 403 Forbidden",
    )
    .await;
}

#[tokio::test]
async fn the_body_of_a_refusal_can_be_read() {
    let mut server = Server::start([Script::answer("403 Forbidden\r\nContent-Length: 4").send("nope")]).await;
    let source = quick(&server);
    let mut story = happen(&mut server, source).await;
    let Some(Signal::Closed(CloseReason::Status(response))) = story.signals.pop() else {
        panic!("{story:?}")
    };
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.text().await.unwrap(), "nope");
}

#[tokio::test]
async fn nothing_comes_after_closed() {
    let server = Server::start([]).await;
    let mut source: EventSource = quick(&server).build().unwrap();
    assert!(matches!(source.next().await, Some(Signal::Closed(CloseReason::NoContent))));
    assert!(source.next().await.is_none());
    assert!(source.next().await.is_none());
}
