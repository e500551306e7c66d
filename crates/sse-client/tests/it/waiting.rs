//! Statuses that are waited for, what the server may ask of the wait, and when to give up.

use std::time::Duration;

use sse_client::reqwest::StatusCode;
use sse_client::{Builder, CloseReason, Interruption, Signal};

use super::story::{happen, tell};
use super::{millis, next, quick};
use crate::server::{Script, Server};

const BUSY: &str = "503 Service Unavailable";

fn patient(source: Builder) -> Builder {
    source.retry_statuses([StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE])
}

/// The delay that is announced after an answer with this head.
async fn delay_after(head: &str) -> Duration {
    let mut server = Server::start([Script::answer(head)]).await;
    let mut source = patient(quick(&server)).build().unwrap();
    let Signal::Reconnecting(lost) = next(&mut source).await else { panic!("not waited for") };
    assert_eq!(server.request().await.in_words(), "> GET /events");
    lost.delay
}

#[tokio::test]
async fn no_status_is_waited_for_by_default() {
    for status in ["429 Too Many Requests", BUSY] {
        let head = format!("{status}\r\nRetry-After: 0");
        let story = format!("> GET /events\nclosed: the server answered {status}");
        tell([Script::answer(&head)], |source| source, &story).await;
    }
}

#[tokio::test]
async fn a_named_status_is_waited_for() {
    tell(
        [
            Script::stream().send("id: 7\ndata: x\n\n"),
            Script::answer(BUSY).send("not yet"),
            Script::answer("429 Too Many Requests"),
            Script::stream().send("data: y\n\n"),
        ],
        patient,
        "> GET /events
        opened /events
        message [7] x
        again in 100 ms, 1: end of the stream
        > GET /events [7]
        again in 100 ms, 2: the server answered 503 Service Unavailable
        > GET /events [7]
        again in 100 ms, 3: the server answered 429 Too Many Requests
        > GET /events [7]
        opened /events
        message [7] y
        again in 100 ms, 1: end of the stream
        > GET /events [7]
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn delays_grow_while_a_status_is_waited_for() {
    let mut server = Server::start((0..4).map(|_| Script::answer(BUSY))).await;
    let source = patient(quick(&server)).max_reconnect_delay(millis(400));
    let delays = happen(&mut server, source).await.delays();
    for (delay, longest) in delays.iter().zip([100, 200, 400, 400]) {
        let shortest = millis(longest / 2).max(millis(100));
        assert!((shortest..=millis(longest)).contains(delay), "{delays:?}");
    }
    assert_eq!(delays.len(), 4);
}

#[tokio::test]
async fn another_status_still_closes() {
    tell(
        [Script::answer("500 Internal Server Error")],
        patient,
        "> GET /events
        closed: the server answered 500 Internal Server Error",
    )
    .await;
}

#[tokio::test]
async fn retry_after_in_seconds_is_the_least_delay() {
    tell(
        [Script::answer("503 Service Unavailable\r\nRetry-After: 1")],
        patient,
        "> GET /events
        again in 1000 ms, 1: the server answered 503 Service Unavailable
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn retry_after_as_a_date_is_counted_from_the_date_of_the_answer() {
    let head = "503 Service Unavailable\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:57 GMT";
    assert_eq!(delay_after(head).await, Duration::from_secs(20));
    tell(
        [Script::answer(&head.replace("08:49:57", "08:49:38"))],
        patient,
        "> GET /events
        again in 1000 ms, 1: the server answered 503 Service Unavailable
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn retry_after_never_makes_the_delay_shorter() {
    for value in ["0", "Sun, 06 Nov 1994 08:49:57 GMT"] {
        let head = format!("{BUSY}\r\nRetry-After: {value}");
        tell(
            [Script::answer(&head)],
            patient,
            "> GET /events
            again in 100 ms, 1: the server answered 503 Service Unavailable
            > GET /events
            closed by 204",
        )
        .await;
    }
}

#[tokio::test]
async fn retry_after_without_meaning_is_ignored() {
    for value in ["soon", "-5", "1.5", "", "31 Feb", "\u{ff}"] {
        assert_eq!(delay_after(&format!("{BUSY}\r\nRetry-After: {value}")).await, millis(100), "{value:?}");
    }
}

#[tokio::test]
async fn retry_after_is_cut_at_five_minutes() {
    for value in ["301", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let head = format!("{BUSY}\r\nRetry-After: {value}");
        assert_eq!(delay_after(&head).await, Duration::from_secs(300), "{value}");
    }
    assert_eq!(delay_after("503 Service Unavailable\r\nRetry-After: 299").await, Duration::from_secs(299));
}

#[tokio::test]
async fn retry_after_is_cut_at_a_limit_of_ones_own() {
    tell(
        [Script::answer("503 Service Unavailable\r\nRetry-After: 3600")],
        |source| patient(source).max_retry_after(millis(300)),
        "> GET /events
        again in 300 ms, 1: the server answered 503 Service Unavailable
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn retry_after_on_a_stream_is_not_looked_at() {
    tell(
        [Script::answer("200 OK\r\nContent-Type: text/event-stream\r\nRetry-After: 30").send("data: x\n\n")],
        patient,
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
async fn a_longer_retry_of_the_stream_beats_retry_after() {
    tell(
        [
            Script::stream().send("retry: 200\n\n"),
            Script::answer("503 Service Unavailable\r\nRetry-After: 0"),
        ],
        patient,
        "> GET /events
        opened /events
        again in 200 ms, 1: end of the stream
        > GET /events
        again in 200 ms, 2: the server answered 503 Service Unavailable
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn a_204_can_be_waited_for_too() {
    tell(
        [Script::answer("204 No Content"), Script::answer("410 Gone")],
        |source| source.retry_statuses([StatusCode::NO_CONTENT]),
        "> GET /events
        again in 100 ms, 1: the server answered 204 No Content
        > GET /events
        closed: the server answered 410 Gone",
    )
    .await;
}

#[tokio::test]
async fn a_200_that_is_no_stream_can_be_waited_for() {
    tell(
        [
            Script::answer("200 OK\r\nContent-Type: text/html").send("<p>starting"),
            Script::stream().send("data: x\n\n"),
        ],
        |source| source.retry_statuses([StatusCode::OK]),
        "> GET /events
        again in 100 ms, 1: the server answered 200 OK
        > GET /events
        opened /events
        message [] x
        again in 100 ms, 1: end of the stream
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn gives_up_after_the_attempts_it_was_given() {
    let mut server = Server::start((0..4).map(|_| Script::answer(BUSY))).await;
    let source = patient(quick(&server)).max_reconnects(2);
    let mut story = happen(&mut server, source).await;
    assert_eq!(
        story.lines,
        [
            "> GET /events",
            "again in 100 ms, 1: the server answered 503 Service Unavailable",
            "> GET /events",
            "again in 100 ms, 2: the server answered 503 Service Unavailable",
            "> GET /events",
            "closed: the server answered 503 Service Unavailable, and no more than 2 reconnects are allowed",
        ]
    );
    let Some(Signal::Closed(reason)) = story.signals.pop() else { panic!() };
    assert!(matches!(reason, CloseReason::GaveUp { reconnects: 2, last: Interruption::Status(_) }));
}

#[tokio::test]
async fn attempts_are_counted_anew_when_bytes_came() {
    tell(
        [
            Script::stream(),
            Script::stream().send(":\n"),
            Script::stream(),
            Script::stream().send(":\n"),
            Script::stream(),
            Script::stream(),
        ],
        |source| source.max_reconnects(1),
        "> GET /events
        opened /events
        again in 100 ms, 1: end of the stream
        > GET /events
        opened /events
        again in 100 ms, 1: end of the stream
        > GET /events
        opened /events
        closed: end of the stream, and no more than 1 reconnect is allowed",
    )
    .await;
}
