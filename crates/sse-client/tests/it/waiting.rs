//! Statuses that are waited for, and what the server may ask of the wait.

use std::time::{Duration, Instant};

use sse_client::reqwest::StatusCode;
use sse_client::{Builder, CloseReason, Interruption, Signal};

use super::{delays, millis, next, quick, run, run_words};
use crate::server::{Script, Server};

fn patient(server: &Server) -> Builder {
    quick(server).retry_statuses([StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE])
}

/// The delays after answers with these heads, to a source that waits for them.
async fn waits(heads: &[&str]) -> Vec<Duration> {
    let server = Server::start(heads.iter().map(|head| Script::answer(head))).await;
    let mut source = patient(&server).build().unwrap();
    let mut delays = Vec::new();
    for _ in heads {
        let Signal::Reconnecting(lost) = next(&mut source).await else { panic!("not waited for") };
        delays.push(lost.delay);
    }
    delays
}

#[tokio::test]
async fn no_status_is_waited_for_by_default() {
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let mut server = Server::start([Script::answer(&format!("{status}\r\nRetry-After: 0"))]).await;
        assert_eq!(run_words(quick(&server)).await, [format!("closed: the server answered {status}")]);
        server.request().await;
        assert!(server.no_request().await);
    }
}

#[tokio::test]
async fn a_named_status_is_waited_for_with_growing_delays() {
    let mut server = Server::start([
        Script::answer("503 Service Unavailable").send("not yet"),
        Script::answer("429 Too Many Requests"),
        Script::stream().send("data: x\n\n"),
    ])
    .await;
    let signals = run(patient(&server)).await;
    let words: Vec<String> = signals.iter().map(super::words).collect();
    assert_eq!(
        words[..4],
        [
            "reconnecting 1: the server answered 503 Service Unavailable",
            "reconnecting 2: the server answered 429 Too Many Requests",
            "opened /events",
            "message [] x",
        ]
    );
    let delays = delays(&signals);
    assert_eq!(delays[0], millis(100));
    assert!((millis(100)..=millis(200)).contains(&delays[1]), "{delays:?}");
    server.expect_delays(&delays).await;
}

#[tokio::test]
async fn another_status_still_closes() {
    let server = Server::start([Script::answer("500 Internal Server Error")]).await;
    let words = run_words(patient(&server)).await;
    assert_eq!(words, ["closed: the server answered 500 Internal Server Error"]);
}

#[tokio::test]
async fn retry_after_in_seconds_is_the_least_delay() {
    let mut server = Server::start([Script::answer("503 Service Unavailable\r\nRetry-After: 1")]).await;
    let delays = delays(&run(patient(&server)).await);
    assert_eq!(delays, [Duration::from_secs(1)]);
    server.expect_delays(&delays).await;
}

#[tokio::test]
async fn retry_after_as_a_date_is_counted_from_the_date_of_the_answer() {
    let head = "503 Service Unavailable\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:57 GMT";
    assert_eq!(waits(&[head]).await, [Duration::from_secs(20)]);
}

#[tokio::test]
async fn retry_after_never_makes_the_delay_shorter() {
    let head = "429 Too Many Requests\r\nRetry-After: 0";
    let past = "429 Too Many Requests\r\nRetry-After: Sun, 06 Nov 1994 08:49:57 GMT";
    let delays = waits(&[head, past, head]).await;
    assert_eq!(delays[0], millis(100));
    assert!(delays[2] >= millis(200), "{delays:?}");
}

#[tokio::test]
async fn retry_after_without_meaning_is_ignored() {
    for value in ["soon", "-5", "1.5", "", "31 Feb"] {
        let head = format!("503 Service Unavailable\r\nRetry-After: {value}");
        assert_eq!(waits(&[&head]).await, [millis(100)], "{value:?}");
    }
}

#[tokio::test]
async fn retry_after_is_cut_at_five_minutes_or_at_a_limit_of_ones_own() {
    let head = "503 Service Unavailable\r\nRetry-After: 99999999999999999999";
    assert_eq!(waits(&[head]).await, [Duration::from_secs(300)]);
    let mut server = Server::start([Script::answer(head)]).await;
    let delays = delays(&run(patient(&server).max_retry_after(millis(300))).await);
    assert_eq!(delays, [millis(300)]);
    server.expect_delays(&delays).await;
}

#[tokio::test]
async fn retry_after_on_a_stream_is_not_looked_at() {
    let head = "200 OK\r\nContent-Type: text/event-stream\r\nRetry-After: 30";
    let server = Server::start([Script::answer(head).send("data: x\n\n")]).await;
    assert_eq!(delays(&run(patient(&server)).await), [millis(100)]);
}

#[tokio::test]
async fn a_204_can_be_waited_for_too() {
    let server = Server::start([Script::answer("204 No Content")]).await;
    let mut source = quick(&server).retry_statuses([StatusCode::NO_CONTENT]).build().unwrap();
    let Signal::Reconnecting(lost) = next(&mut source).await else { panic!() };
    assert!(matches!(lost.reason, Interruption::Status(StatusCode::NO_CONTENT)));
}

#[tokio::test]
async fn a_200_that_is_no_stream_can_be_waited_for() {
    let server = Server::start([
        Script::answer("200 OK\r\nContent-Type: text/html").send("<p>starting"),
        Script::stream().send("data: x\n\n"),
    ])
    .await;
    let words = run_words(quick(&server).retry_statuses([StatusCode::OK])).await;
    assert_eq!(words[..2], ["reconnecting 1: the server answered 200 OK", "opened /events"]);
}

#[tokio::test]
async fn the_id_is_kept_over_a_wait() {
    let mut server = Server::start([
        Script::stream().send("id: 7\ndata: x\n\n"),
        Script::answer("503 Service Unavailable"),
        Script::stream(),
    ])
    .await;
    run(patient(&server)).await;
    for id in [None, Some("7"), Some("7")] {
        assert_eq!(server.request().await.header("last-event-id").as_deref(), id);
    }
}

#[tokio::test]
async fn gives_up_after_the_attempts_it_was_given() {
    let mut server = Server::start((0..4).map(|_| Script::answer("503 Service Unavailable"))).await;
    let began = Instant::now();
    let mut signals = run(patient(&server).max_reconnects(2)).await;
    let Some(Signal::Closed(reason)) = signals.pop() else { panic!() };
    assert_eq!(
        reason.to_string(),
        "the server answered 503 Service Unavailable, and no more than 2 reconnects are allowed"
    );
    assert!(matches!(reason, CloseReason::GaveUp { reconnects: 2, last: Interruption::Status(_) }));
    let delays = delays(&signals);
    assert_eq!(delays.len(), 2);
    assert!(began.elapsed() >= delays.iter().sum());
    server.expect_delays(&delays).await;
    assert!(server.no_request().await);
}

#[tokio::test]
async fn attempts_are_counted_anew_when_bytes_came() {
    let server = Server::start([
        Script::default(),
        Script::stream().send(":\n"),
        Script::default(),
        Script::stream().send(":\n"),
        Script::default(),
        Script::default(),
    ])
    .await;
    let words = run_words(quick(&server).max_reconnects(2)).await;
    let attempts: Vec<_> = words.iter().map(|word| word.split(':').next().unwrap()).collect();
    assert_eq!(
        attempts,
        [
            "reconnecting 1",
            "opened /events",
            "reconnecting 1",
            "reconnecting 2",
            "opened /events",
            "reconnecting 1",
            "reconnecting 2",
            "closed",
        ]
    );
}
