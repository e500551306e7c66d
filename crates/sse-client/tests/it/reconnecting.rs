//! When the client connects again, and after how long.

use std::time::{Duration, Instant};

use sse_client::{EventSource, Interruption, Signal};

use super::story::{happen, tell, tell_of};
use super::{millis, next, quick, quick_at};
use crate::server::{Absent, Script, Server};

#[tokio::test]
async fn reconnects_at_the_end_of_the_body() {
    tell(
        [Script::stream().send("data: x\n\n"), Script::stream().send("data: y\n\n")],
        |source| source,
        "> GET /events
        opened /events
        message [] x
        again in 100 ms, 1: end of the stream
        > GET /events
        opened /events
        message [] y
        again in 100 ms, 1: end of the stream
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn reconnects_at_the_end_of_a_body_with_a_length() {
    let head = "200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9";
    tell(
        [Script::answer(head).send("data: x\n\n").hold()],
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
async fn reconnects_after_an_empty_body() {
    tell(
        [Script::answer("200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 0")],
        |source| source,
        "> GET /events
        opened /events
        again in 100 ms, 1: end of the stream
        > GET /events
        closed by 204",
    )
    .await;
}

/// The stream of one event is lost in this way; what had come of the next event is not part of one.
async fn lost(script: Script, reason: &str) {
    let mut server = Server::start([script, Script::stream().send("data: y\n\n")]).await;
    let source = quick(&server);
    let story = happen(&mut server, source).await;
    assert_eq!(story.lines[..3], ["> GET /events", "opened /events", "message [1] x"]);
    let Some(Signal::Reconnecting(lost)) = story.signals.get(2) else { panic!("{story:?}") };
    assert!(matches!(lost.reason, Interruption::Network(_)), "{lost:?}");
    assert!(lost.reason.to_string().to_lowercase().contains(reason), "{}", lost.reason);
    assert_eq!((lost.delay, lost.attempt), (millis(100), 1));
    assert_eq!(story.lines[4..7], ["> GET /events [1]", "opened /events", "message [1] y"]);
}

#[tokio::test]
async fn reconnects_when_a_chunked_body_is_cut() {
    lost(
        Script::chunked().send("f\r\nid: 1\ndata: x\n\n\r\n9\r\ndata:"),
        "end of file before message length",
    )
    .await;
}

#[tokio::test]
async fn reconnects_when_a_body_with_a_length_is_cut() {
    let head = "200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 100";
    lost(Script::answer(head).send("id: 1\ndata: x\n\ndata: z"), "end of file before message length").await;
}

#[tokio::test]
async fn reconnects_when_the_connection_is_reset() {
    lost(Script::stream().send("id: 1\ndata: x\n\ndata: z").pause(200).reset(), "reset").await;
}

#[tokio::test]
async fn reconnects_when_a_chunk_is_malformed() {
    lost(Script::chunked().send("f\r\nid: 1\ndata: x\n\n\r\nxyz\r\n"), "invalid chunk size").await;
}

#[tokio::test]
async fn reconnects_when_the_answer_is_no_http() {
    tell(
        [
            Script::default(),
            Script::default().send("SSH-2.0-x\r\n\r\n"),
            Script::default().send("HTTP/1.1 200"),
        ],
        |source| source,
        "> GET /events
        again in 100 ms, 1: connection closed before message completed
        > GET /events
        again in 100 ms, 2: invalid HTTP version parsed
        > GET /events
        again in 100 ms, 3: connection closed before message completed
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn keeps_trying_until_somebody_listens() {
    let absent = Absent::new();
    let mut source = quick_at(absent.url("/events")).build().unwrap();
    let Signal::Reconnecting(lost) = next(&mut source).await else { panic!() };
    assert!(lost.reason.to_string().contains("refused"), "{}", lost.reason);
    let mut second = Server::start_at(absent, [Script::stream().send("data: x\n\n")]);
    loop {
        match next(&mut source).await {
            Signal::Reconnecting(_) => {}
            Signal::Opened(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(second.request().await.in_words(), "> GET /events");
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
    let source = quick(&server).max_reconnect_delay(millis(400));
    let story = happen(&mut server, source).await;
    let delays = story.delays();
    for (delay, longest) in delays.iter().zip([100, 200, 400, 400, 100]) {
        let shortest = millis(longest / 2).max(millis(100));
        assert!((shortest..=millis(longest)).contains(delay), "{delays:?}");
    }
    assert_eq!((delays.len(), story.requests.len()), (5, 6));
}

#[tokio::test]
async fn delays_differ_between_readers() {
    let mut delays = Vec::new();
    for _ in 0..8 {
        let mut server = Server::start([Script::default(), Script::default()]).await;
        let source = quick(&server).max_reconnect_delay(millis(200));
        delays.push(happen(&mut server, source).await.delays()[1]);
    }
    delays.dedup();
    assert!(delays.len() > 1, "no jitter: {delays:?}");
}

#[tokio::test]
async fn retry_sets_the_delay_also_without_data() {
    tell(
        [Script::stream().send("retry: 250\n\n"), Script::stream().send("data: x\n\n"), Script::default()],
        |source| source,
        "> GET /events
        opened /events
        again in 250 ms, 1: end of the stream
        > GET /events
        opened /events
        message [] x
        again in 250 ms, 1: end of the stream
        > GET /events
        again in 250 ms, 2: connection closed before message completed
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn retry_acts_before_its_block_is_finished() {
    tell(
        [Script::stream().send("data: x\nretry: 150\n")],
        |source| source,
        "> GET /events
        opened /events
        again in 150 ms, 1: end of the stream
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn the_last_retry_counts_and_one_that_is_no_number_is_ignored() {
    tell(
        [Script::stream()
            .send("retry: 300\nretry: 150\nretry: 1x\nretry:\nretry: -1\nretry: 0x9\nretry:  9\n")],
        |source| source,
        "> GET /events
        opened /events
        again in 150 ms, 1: end of the stream
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn a_retry_of_nothing_is_no_hot_loop() {
    tell(
        [Script::stream().send("retry: 0\n\n")],
        |source| source,
        "> GET /events
        opened /events
        again in 100 ms, 1: end of the stream
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn the_largest_retry_is_cut_at_five_minutes() {
    let script = Script::stream().send(format!("retry: {}\n\n", "9".repeat(40)));
    let mut server = Server::start([script.clone(), script]).await;
    for (limit, delay) in [(None, millis(300_000)), (Some(Duration::MAX), millis(u64::MAX))] {
        let source = quick(&server);
        let source = limit.map_or(source, |limit| quick(&server).max_retry(limit));
        let mut source = source.build().unwrap();
        assert!(matches!(next(&mut source).await, Signal::Opened(_)));
        assert!(matches!(next(&mut source).await, Signal::Reconnecting(lost) if lost.delay == delay));
        assert!(tokio::time::timeout(millis(250), source.next()).await.is_err());
        assert_eq!(server.request().await.in_words(), "> GET /events");
        assert!(server.next_request().is_none());
    }
}

#[tokio::test]
async fn a_retry_is_cut_at_a_limit_of_ones_own() {
    tell(
        [Script::stream().send("retry: 3600000\ndata: x\n\n")],
        |source| source.max_retry(millis(200)),
        "> GET /events
        opened /events
        message [] x
        again in 200 ms, 1: end of the stream
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn the_first_delay_is_one_second() {
    let mut server = Server::start([Script::stream().send("data: x\n\n")]).await;
    let source = EventSource::builder(server.url("/events"));
    tell_of(
        &mut server,
        source,
        "> GET /events
        opened /events
        message [] x
        again in 1000 ms, 1: end of the stream
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn silence_is_cut_by_the_idle_timeout() {
    tell(
        [
            Script::stream()
                .send("data: x\n\n")
                .pause(150)
                .send(":\n\n")
                .pause(150)
                .send("data: y\n\n")
                .hold(),
            Script::default().hold(),
        ],
        |source| source.idle_timeout(millis(250)),
        "> GET /events
        opened /events
        message [] x
        message [] y
        again in 100 ms, 1: no byte for 250ms
        > GET /events
        again in 100 ms, 2: no byte for 250ms
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn the_bytes_of_an_unfinished_line_are_no_silence() {
    let slow = (0..6).fold(Script::stream(), |script, _| script.send("x").pause(100));
    tell(
        [slow.send("\n\ndata: x\n\n")],
        |source| source.idle_timeout(millis(400)).max_reconnects(0),
        "> GET /events
        opened /events
        message [] x
        closed: end of the stream, and no reconnect is allowed",
    )
    .await;
}

#[tokio::test]
async fn a_slow_caller_is_no_silence() {
    let server =
        Server::start([Script::stream().send("data: x\n\n").pause(100).send("data: y\n\n").hold()]).await;
    let mut source = quick(&server).idle_timeout(millis(200)).build().unwrap();
    next(&mut source).await;
    assert!(matches!(next(&mut source).await, Signal::Event(_)));
    tokio::time::sleep(millis(400)).await;
    assert!(matches!(next(&mut source).await, Signal::Event(_)), "it had come in time");
}

#[tokio::test]
async fn a_quiet_stream_stays_open_by_default() {
    tell(
        [Script::default()
            .pause(300)
            .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            .pause(300)
            .send("data: x\n\n")],
        |source| source.connect_timeout(millis(200)).max_reconnects(0),
        "> GET /events
        opened /events
        message [] x
        closed: end of the stream, and no reconnect is allowed",
    )
    .await;
}

/// A host that takes no connection in: its queue of one is full, and more are not answered.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_host_that_does_not_answer_is_cut_by_the_connect_timeout() {
    use socket2::{Domain, Socket, Type};

    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let _full: Vec<_> = (0..3)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address.into());
            socket
        })
        .collect();
    let builder = EventSource::builder(format!("http://{address}/"));
    let mut source = builder.connect_timeout(millis(300)).build().unwrap();
    let from = Instant::now();
    let Signal::Reconnecting(lost) = next(&mut source).await else { panic!() };
    assert!(matches!(&lost.reason, Interruption::Network(error) if error.is_timeout()), "{}", lost.reason);
    assert!(from.elapsed() >= millis(300));
    assert_eq!(lost.delay, Duration::from_secs(1));
}
