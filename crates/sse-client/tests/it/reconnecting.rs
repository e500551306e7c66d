//! When the client connects again, and after how long.

use std::time::Duration;

use sse_client::{EventSource, Interruption, Signal};

use super::{delays, millis, next, quick, run, run_words};
use crate::server::{Script, Server};

#[tokio::test]
async fn reconnects_at_the_end_of_the_body() {
    let server =
        Server::start([Script::stream().send("data: x\n\n"), Script::stream().send("data: y\n\n")]).await;
    assert_eq!(
        run_words(quick(&server)).await,
        [
            "opened /events",
            "message [] x",
            "reconnecting 1: end of the stream",
            "opened /events",
            "message [] y",
            "reconnecting 1: end of the stream",
            "closed: the server answered 204 No Content: there are no more events",
        ]
    );
}

#[tokio::test]
async fn reconnects_when_the_body_is_cut() {
    let cut = Script::answer("200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked")
        .send("9\r\ndata: x\n\n\r\n9\r\ndata:");
    let server = Server::start([cut, Script::stream().send("data: y\n\n")]).await;
    let signals = run(quick(&server)).await;
    let Some(Signal::Reconnecting(lost)) = signals.get(2) else { panic!("{signals:?}") };
    assert!(matches!(lost.reason, Interruption::Network(_)), "{lost:?}");
    assert_eq!(delays(&signals)[0], millis(100));
    let Some(Signal::Event(event)) = signals.get(4) else { panic!("{signals:?}") };
    assert_eq!(event.data(), "y", "what came before the cut is not part of the next event");
}

#[tokio::test]
async fn reconnects_when_the_answer_is_no_http() {
    let server = Server::start([Script::default(), Script::default().send("SSH-2.0-x\r\n\r\n")]).await;
    let words = run_words(quick(&server)).await;
    assert_eq!(words.len(), 3, "{words:?}");
    assert!(words[0].starts_with("reconnecting 1: "), "{words:?}");
    assert!(words[1].starts_with("reconnecting 2: "), "{words:?}");
}

#[tokio::test]
async fn keeps_trying_until_somebody_listens() {
    let first = Server::start([]).await;
    let address = first.address();
    let mut source = quick(&first).build().unwrap();
    first.stop().await;
    let Signal::Reconnecting(lost) = next(&mut source).await else { panic!() };
    assert!(lost.reason.to_string().contains("refused"), "{}", lost.reason);
    let _second = Server::start_at(address, [Script::stream().send("data: x\n\n")]).await;
    loop {
        match next(&mut source).await {
            Signal::Reconnecting(_) => {}
            Signal::Opened(_) => break,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn delays_grow_while_nothing_comes_and_start_over_after_bytes() {
    let mut server = Server::start([
        Script::default(),
        Script::stream(),
        Script::stream(),
        Script::stream(),
        Script::stream().send(": alive\n\n"),
    ])
    .await;
    let delays = delays(&run(quick(&server)).await);
    let nominal = [100, 200, 400, 400, 100];
    assert_eq!(delays.len(), nominal.len());
    for (delay, nominal) in delays.iter().zip(nominal) {
        assert!((millis(nominal / 2).max(millis(100))..=millis(nominal)).contains(delay), "{delays:?}");
    }
    server.expect_delays(&delays).await;
}

#[tokio::test]
async fn retry_sets_the_delay_also_without_data() {
    let server = Server::start([
        Script::stream().send("retry: 250\n\n"),
        Script::stream().send("data: x\n\n"),
        Script::stream().send("retry: 150\nretry: 1x\nretry:\n"),
    ])
    .await;
    assert_eq!(delays(&run(quick(&server)).await), [millis(250), millis(250), millis(150)]);
}

#[tokio::test]
async fn a_retry_of_nothing_is_no_hot_loop() {
    let server = Server::start([Script::stream().send("retry: 0\n\n")]).await;
    assert_eq!(delays(&run(quick(&server)).await), [millis(100)]);
}

#[tokio::test]
async fn the_largest_retry_is_just_a_long_wait() {
    let server = Server::start([Script::stream().send(format!("retry: {}\n\n", "9".repeat(40)))]).await;
    let mut source = quick(&server).build().unwrap();
    assert!(matches!(next(&mut source).await, Signal::Opened(_)));
    assert!(matches!(next(&mut source).await, Signal::Reconnecting(lost) if lost.delay == millis(u64::MAX)));
    assert!(tokio::time::timeout(millis(50), source.next()).await.is_err());
}

#[tokio::test]
async fn the_first_delay_is_one_second() {
    let server = Server::start([Script::stream().send("data: x\n\n")]).await;
    let signals = run(EventSource::builder(server.url("/events"))).await;
    assert_eq!(delays(&signals), [Duration::from_secs(1)]);
}

#[tokio::test]
async fn silence_is_cut_by_the_idle_timeout() {
    let server = Server::start([
        Script::stream().send("data: x\n\n").pause(150).send(":\n\n").pause(150).send("data: y\n\n").hold(),
        Script::default().hold(),
    ])
    .await;
    assert_eq!(
        run_words(quick(&server).idle_timeout(millis(250))).await,
        [
            "opened /events",
            "message [] x",
            "message [] y",
            "reconnecting 1: no byte for 250ms",
            "reconnecting 2: no byte for 250ms",
            "closed: the server answered 204 No Content: there are no more events",
        ]
    );
}

#[tokio::test]
async fn a_quiet_stream_stays_open_by_default() {
    let server = Server::start([Script::default()
        .pause(300)
        .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        .pause(300)
        .send("data: x\n\n")])
    .await;
    let words = run_words(quick(&server).connect_timeout(millis(200))).await;
    assert_eq!(words[..2], ["opened /events", "message [] x"]);
}
