//! What the client makes of a body, however it is cut up and whatever is in it.

use sse_client::{Limits, Signal};

use super::{next, quick, run_events, run_words};
use crate::server::{Script, Server};

/// The events in a body that comes in these pieces, one packet each.
async fn events<T: AsRef<[u8]>>(pieces: impl IntoIterator<Item = T>) -> Vec<String> {
    let script = pieces.into_iter().fold(Script::stream(), |script, piece| script.send(piece).pause(1));
    let server = Server::start([script]).await;
    run_events(quick(&server)).await
}

#[tokio::test]
async fn reads_the_same_whole_and_byte_by_byte() {
    let body =
        "\u{feff}event: tick\r\nid: 1\r\ndata: grün\r\ndata:  b\r\n\r\n: note\rdata\r\rid: 2\n\ndata: é\n\n";
    let expected = ["tick [1] grün\n b", "message [1] ", "message [2] é"];
    assert_eq!(events([body]).await, expected);
    assert_eq!(events(body.as_bytes().chunks(1)).await, expected);
    assert_eq!(events(body.as_bytes().chunks(7)).await, expected);
}

#[tokio::test]
async fn gives_each_of_many_events_in_one_packet() {
    let body: String = (0..10_000).map(|n| format!("id: {n}\ndata: {n}\n\n")).collect();
    let events = events([body]).await;
    assert_eq!(events.len(), 10_000);
    assert_eq!(events[9_999], "message [9999] 9999");
}

#[tokio::test]
async fn gives_an_event_at_the_byte_that_ends_it() {
    for end in ["\n\n", "\r\r", "\r\n\r"] {
        let server = Server::start([Script::stream().send(format!("data: x{end}")).hold()]).await;
        let mut source = quick(&server).build().unwrap();
        next(&mut source).await;
        assert_eq!(super::words(&next(&mut source).await), "message [] x", "{end:?}");
    }
}

#[tokio::test]
async fn goes_on_after_bytes_that_are_no_utf8() {
    let pieces: [&[u8]; 2] = [b"data: \xff\xc3\n\nevent: \xf0\n", b"data: ok\n\n"];
    assert_eq!(events(pieces).await, ["message [] \u{fffd}\u{fffd}", "\u{fffd} [] ok"]);
}

#[tokio::test]
async fn ignores_an_id_with_a_nul() {
    assert_eq!(events(["id: 1\ndata: x\n\nid: 2\0\ndata: y\n\n"]).await, ["message [1] x", "message [1] y"]);
}

#[tokio::test]
async fn says_that_an_event_was_dropped_over_a_limit() {
    let body = format!("data: {}\n\ndata: short\n\n", "x".repeat(200));
    let server = Server::start([Script::stream().send(body)]).await;
    let limits = Limits { max_line_bytes: 100, max_event_bytes: 100 };
    let words = run_words(quick(&server).limits(limits)).await;
    assert_eq!(
        words[..3],
        [
            "opened /events",
            "dropped: an event was dropped: it has a line of more than 100 bytes",
            "message [] short"
        ]
    );
}

#[tokio::test]
async fn an_event_has_the_topic_and_the_id_of_its_own_block() {
    let server = Server::start([
        Script::stream().send("id: 1\ntopic: chat/lobby\ndata: x\n\ndata: y\n\nid\ndata: z\n\n")
    ])
    .await;
    let mut source = quick(&server).build().unwrap();
    next(&mut source).await;
    for (topic, id, last) in [(Some("chat/lobby"), Some("1"), "1"), (None, None, "1"), (None, Some(""), "")] {
        let Signal::Event(event) = next(&mut source).await else { panic!() };
        assert_eq!((event.topic(), event.id(), event.last_event_id()), (topic, id, last));
    }
}

#[tokio::test]
async fn discards_an_unfinished_event_at_the_end() {
    assert_eq!(events(["data: x\n\ndata: y\n"]).await, ["message [] x"]);
}

#[tokio::test]
async fn reads_a_chunked_body() {
    let script = Script::answer("200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked")
        .send("6\r\ndata: \r\n")
        .pause(5)
        .send("3\r\nx\n\n\r\n0\r\n\r\n");
    let server = Server::start([script]).await;
    let words = run_words(quick(&server)).await;
    assert_eq!(words[1..3], ["message [] x", "reconnecting 1: end of the stream"]);
}

#[tokio::test]
async fn noise_neither_panics_nor_ends_the_stream() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(200_000).collect();
    noise.extend_from_slice(b"\n\ndata: after\n\n");
    let events = events([noise]).await;
    assert!(events.last().unwrap().ends_with("] after"), "{:?}", events.last());
}
