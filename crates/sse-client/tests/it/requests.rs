//! What the client sends: headers, and the id to resume from.

use sse_client::reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use sse_client::{BuildError, EventId, EventSource};

use super::story::tell;
use crate::server::Script;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

fn id(text: &str) -> EventId {
    EventId::new(text).unwrap()
}

#[tokio::test]
async fn sends_the_headers_of_the_standard() {
    let requests = tell(
        [],
        |source| source,
        "> GET /events
        closed by 204",
    )
    .await;
    let request = &requests[0];
    assert_eq!(request.header("accept").unwrap(), "text/event-stream");
    assert_eq!(request.header("cache-control").unwrap(), "no-cache");
    assert_eq!(request.header("last-event-id"), None);
    assert_eq!(request.header("accept-encoding"), None, "compression would hold events back");
    assert_eq!(request.header("content-length"), None);
}

#[tokio::test]
async fn sends_headers_of_the_caller_with_each_attempt_in_place_of_its_own() {
    let requests = tell(
        [Script::stream()],
        |source| {
            let accept = HeaderValue::from_static("text/event-stream, text/plain");
            let more =
                HeaderMap::from_iter([(HeaderName::from_static("x-a"), HeaderValue::from_static("b"))]);
            let source = source.header(AUTHORIZATION, HeaderValue::from_static("Bearer old"));
            source
                .header(AUTHORIZATION, HeaderValue::from_static("Bearer abc"))
                .header(ACCEPT, accept)
                .headers(more)
        },
        "> GET /events
        opened /events
        again in 100 ms, 1: end of the stream
        > GET /events
        closed by 204",
    )
    .await;
    for request in requests {
        assert_eq!(request.header("authorization").unwrap(), "Bearer abc");
        assert_eq!(request.header("accept").unwrap(), "text/event-stream, text/plain");
        assert_eq!(request.header("cache-control").unwrap(), "no-cache");
        assert_eq!(request.header("x-a").unwrap(), "b");
    }
}

#[tokio::test]
async fn starts_from_a_given_id() {
    tell(
        [Script::stream().send("data: x\n\n")],
        |source| source.last_event_id(id("e-41")),
        "> GET /events [e-41]
        opened /events
        message [e-41] x
        again in 100 ms, 1: end of the stream
        > GET /events [e-41]
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn a_header_last_event_id_is_the_id_to_start_from_and_nothing_more() {
    tell(
        [Script::stream().send("id: 2\ndata: x\n\nid\ndata: y\n\n")],
        |source| source.header(LAST_EVENT_ID, HeaderValue::from_static("1")),
        "> GET /events [1]
        opened /events
        message [2] x
        message [] y
        again in 100 ms, 1: end of the stream
        > GET /events
        closed by 204",
    )
    .await;
    tell(
        [],
        |source| source.header(LAST_EVENT_ID, HeaderValue::from_static("1")).last_event_id(id("2")),
        "> GET /events [2]
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn sends_the_id_of_the_last_event() {
    tell(
        [Script::stream().send("id: 1\ndata: x\n\nid: 2\ndata: y\n\ndata: z\n\n")],
        |source| source,
        "> GET /events
        opened /events
        message [1] x
        message [2] y
        message [2] z
        again in 100 ms, 1: end of the stream
        > GET /events [2]
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn sends_the_id_as_utf8() {
    tell(
        [Script::stream().send("id: grün ✓\ndata: x\n\n")],
        |source| source,
        "> GET /events
        opened /events
        message [grün ✓] x
        again in 100 ms, 1: end of the stream
        > GET /events [grün ✓]
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn sends_no_id_after_a_reset() {
    for reset in ["id", "id:", "id: "] {
        tell(
            [Script::stream().send(format!("data: x\nid: 1\n\n{reset}\n\n"))],
            |source| source,
            "> GET /events
            opened /events
            message [1] x
            again in 100 ms, 1: end of the stream
            > GET /events
            closed by 204",
        )
        .await;
    }
}

#[tokio::test]
async fn a_reset_ends_an_id_that_was_given_too() {
    tell(
        [Script::stream().send("id\n\n")],
        |source| source.last_event_id(id("1")),
        "> GET /events [1]
        opened /events
        again in 100 ms, 1: end of the stream
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn carries_the_id_of_a_block_without_data() {
    tell(
        [Script::stream().send("id: 1\ndata: x\n\nid: 2\n\n"), Script::stream().send("data: y\n\n")],
        |source| source,
        "> GET /events
        opened /events
        message [1] x
        again in 100 ms, 1: end of the stream
        > GET /events [2]
        opened /events
        message [2] y
        again in 100 ms, 1: end of the stream
        > GET /events [2]
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn leaves_the_id_of_an_unfinished_event() {
    tell(
        [Script::stream().send("id: 1\ndata: x\n\nid: 2\ndata: y\n")],
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
async fn keeps_the_id_over_failed_attempts() {
    tell(
        [
            Script::stream().send("id: 1\ndata: x\n\n"),
            Script::default().send("junk\r\n\r\n"),
            Script::stream(),
        ],
        |source| source,
        "> GET /events
        opened /events
        message [1] x
        again in 100 ms, 1: end of the stream
        > GET /events [1]
        again in 100 ms, 2: invalid HTTP version parsed
        > GET /events [1]
        opened /events
        again in 100 ms, 3: end of the stream
        > GET /events [1]
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn ignores_an_id_with_a_nul() {
    tell(
        [Script::stream().send("id: 1\ndata: x\n\nid: 2\0\ndata: y\n\n")],
        |source| source,
        "> GET /events
        opened /events
        message [1] x
        message [1] y
        again in 100 ms, 1: end of the stream
        > GET /events [1]
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn an_id_can_hold_a_tab_and_spaces_inside() {
    tell(
        [Script::stream().send("id: a\tb c\ndata: x\n\n")],
        |source| source,
        "> GET /events
        opened /events
        message [a\tb c] x
        again in 100 ms, 1: end of the stream
        > GET /events [a\tb c]
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn closes_rather_than_lose_an_id_that_no_header_can_carry() {
    tell(
        [Script::stream().send("id: a\u{1}b\ndata: x\n\n"), Script::stream()],
        |source| source,
        "> GET /events
        opened /events
        message [a\u{1}b] x
        again in 100 ms, 1: end of the stream
        closed: the last event id has a control character, which an HTTP header cannot carry",
    )
    .await;
}

#[test]
fn takes_only_http_urls() {
    let error = EventSource::new("ftp://localhost/events").unwrap_err();
    assert!(matches!(&error, BuildError::Scheme { scheme } if scheme == "ftp"), "{error}");
    assert!(matches!(EventSource::new("/events"), Err(BuildError::Url(_))));
}

#[test]
fn refuses_a_header_last_event_id_that_is_no_text() {
    let header = HeaderValue::from_bytes(b"\xff").unwrap();
    let source = EventSource::builder("http://127.0.0.1/").header(LAST_EVENT_ID, header);
    assert!(matches!(source.build(), Err(BuildError::LastEventId)));
}
