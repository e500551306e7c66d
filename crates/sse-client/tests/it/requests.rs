//! What the client sends.

use sse_client::reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use sse_client::{BuildError, EventId, EventSource};

use super::{quick, run, run_words};
use crate::server::{Script, Server};

fn id(text: &str) -> EventId {
    EventId::new(text).unwrap()
}

#[tokio::test]
async fn sends_the_headers_of_the_standard() {
    let mut server = Server::start([]).await;
    run(quick(&server)).await;
    let request = server.request().await;
    assert_eq!(request.line(), "GET /events HTTP/1.1");
    assert_eq!(request.header("accept").unwrap(), "text/event-stream");
    assert_eq!(request.header("cache-control").unwrap(), "no-cache");
    assert_eq!(request.header("last-event-id"), None);
    assert_eq!(request.header("accept-encoding"), None, "compression would hold events back");
}

#[tokio::test]
async fn sends_headers_of_the_caller_in_place_of_its_own() {
    let mut server = Server::start([]).await;
    let source = quick(&server)
        .header(AUTHORIZATION, HeaderValue::from_static("Bearer abc"))
        .header(ACCEPT, HeaderValue::from_static("text/event-stream, text/plain"));
    run(source).await;
    let request = server.request().await;
    assert_eq!(request.header("authorization").unwrap(), "Bearer abc");
    assert_eq!(request.header("accept").unwrap(), "text/event-stream, text/plain");
    assert_eq!(request.header("cache-control").unwrap(), "no-cache");
}

#[tokio::test]
async fn starts_from_a_given_id() {
    let mut server = Server::start([Script::stream().send("data: x\n\n")]).await;
    let words = run_words(quick(&server).last_event_id(id("e-41"))).await;
    assert_eq!(server.request().await.header("last-event-id").unwrap(), "e-41");
    assert_eq!(words[1], "message [e-41] x");
    assert_eq!(server.request().await.header("last-event-id").unwrap(), "e-41");
}

#[tokio::test]
async fn sends_the_id_as_utf8() {
    let mut server = Server::start([Script::stream().send("id: grün ✓\ndata: x\n\n")]).await;
    run(quick(&server)).await;
    server.request().await;
    assert_eq!(server.request().await.header("last-event-id").unwrap(), "grün ✓");
}

#[tokio::test]
async fn sends_no_id_after_a_reset() {
    let mut server = Server::start([Script::stream().send("data: x\nid: 1\n\nid\n\n")]).await;
    run(quick(&server)).await;
    server.request().await;
    assert_eq!(server.request().await.header("last-event-id"), None);
}

#[tokio::test]
async fn carries_the_id_of_a_block_without_data() {
    let mut server = Server::start([
        Script::stream().send("id: 1\ndata: x\n\nid: 2\n\n"),
        Script::stream().send("data: y\n\n"),
    ])
    .await;
    let words = run_words(quick(&server)).await;
    server.request().await;
    assert_eq!(server.request().await.header("last-event-id").unwrap(), "2");
    assert!(words.contains(&"message [2] y".to_owned()), "{words:?}");
    assert_eq!(server.request().await.header("last-event-id").unwrap(), "2");
}

#[tokio::test]
async fn leaves_the_id_of_an_unfinished_event() {
    let mut server = Server::start([Script::stream().send("id: 1\ndata: x\n\nid: 2\ndata: y\n")]).await;
    run(quick(&server)).await;
    server.request().await;
    assert_eq!(server.request().await.header("last-event-id").unwrap(), "1");
}

#[tokio::test]
async fn closes_rather_than_lose_an_id_that_no_header_can_carry() {
    let server = Server::start([Script::stream().send("id: a\u{1}b\ndata: x\n\n"), Script::stream()]).await;
    let words = run_words(quick(&server)).await;
    assert_eq!(words[1], "message [a\u{1}b] x");
    assert_eq!(
        words[3],
        "closed: the last event id has a control character, which an HTTP header cannot carry"
    );
}

#[test]
fn takes_only_http_urls() {
    let error = EventSource::new("ftp://localhost/events").unwrap_err();
    assert!(matches!(&error, BuildError::Scheme { scheme } if scheme == "ftp"), "{error}");
    assert!(matches!(EventSource::new("/events"), Err(BuildError::Url(_))));
}
