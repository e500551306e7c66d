//! What the client makes of a body, however it is cut up and whatever is in it.

use sse_client::{Limits, Signal};

use super::story::{happen, line, tell};
use super::{next, quick};
use crate::server::{Script, Server};

/// The events in a body that comes in these pieces, one packet each. There was one request.
async fn events<T: AsRef<[u8]>>(pieces: impl IntoIterator<Item = T>) -> Vec<String> {
    let script = pieces.into_iter().fold(Script::stream(), |script, piece| script.send(piece).pause(1));
    let mut server = Server::start([script]).await;
    let source = quick(&server).max_reconnects(0);
    let mut lines = happen(&mut server, source).await.lines;
    assert_eq!(lines[..2], ["> GET /events", "opened /events"]);
    assert_eq!(lines.pop().unwrap(), "closed: end of the stream, and no reconnect is allowed");
    lines.split_off(2)
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
        assert_eq!(line(&next(&mut source).await), "message [] x", "{end:?}");
    }
}

#[tokio::test]
async fn goes_on_after_bytes_that_are_no_utf8() {
    let pieces: [&[u8]; 2] = [b"data: \xff\xc3\n\nevent: \xf0\n", b"data: ok\n\n"];
    assert_eq!(events(pieces).await, ["message [] \u{fffd}\u{fffd}", "\u{fffd} [] ok"]);
}

#[tokio::test]
async fn one_byte_order_mark_goes_on_each_connection() {
    tell(
        [
            Script::stream().send("\u{feff}data: x\n\n"),
            Script::stream().send("\u{feff}data: y\n\n\u{feff}data: z\n\n"),
        ],
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
async fn comments_and_unknown_fields_fire_nothing() {
    assert_eq!(events([": x\n\nfoo: bar\ndata : y\n Data: z\n\nevent: a\n\n:\n\n"]).await, [""; 0]);
}

#[tokio::test]
async fn an_event_type_lasts_for_its_block() {
    assert_eq!(
        events(["event: a\n\ndata: x\n\nevent: b\nevent\ndata: y\n\n"]).await,
        ["message [] x", "message [] y"]
    );
}

#[tokio::test]
async fn data_without_a_value_is_an_event() {
    assert_eq!(events(["data\n\ndata:\ndata:\n\n"]).await, ["message [] ", "message [] \n"]);
}

#[tokio::test]
async fn an_event_has_the_topic_and_the_id_of_its_own_block() {
    let body = "id: 1\ntopic: chat/lobby\ndata: x\n\ndata: y\n\nid\ndata: z\n\n";
    let server = Server::start([Script::stream().send(body)]).await;
    let mut source = quick(&server).build().unwrap();
    next(&mut source).await;
    for (topic, id, last) in [(Some("chat/lobby"), Some("1"), "1"), (None, None, "1"), (None, Some(""), "")] {
        let Signal::Event(event) = next(&mut source).await else { panic!() };
        assert_eq!((event.topic(), event.id(), event.last_event_id()), (topic, id, last));
    }
}

#[tokio::test]
async fn says_that_an_event_was_dropped_over_a_limit() {
    let long = format!("id: 1\ndata: {}\n\nid: 2\ndata: short\n\n", "x".repeat(200));
    let many = format!("id: 3\n{}\nid: 4\ndata: short\n\n", "data: x\n".repeat(100));
    tell(
        [Script::stream().send(long), Script::stream().send(many)],
        |source| source.limits(Limits { max_line_bytes: 100, max_event_bytes: 150 }),
        "> GET /events
        opened /events
        dropped: an event was dropped: it has a line of more than 100 bytes
        message [2] short
        again in 100 ms, 1: end of the stream
        > GET /events [2]
        opened /events
        dropped: an event was dropped: it has more than 150 bytes
        message [4] short
        again in 100 ms, 1: end of the stream
        > GET /events [4]
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn discards_an_unfinished_event_at_the_end() {
    assert_eq!(events(["data: x\n\ndata: y\n"]).await, ["message [] x"]);
}

#[tokio::test]
async fn what_a_lost_connection_left_is_not_part_of_the_next_event() {
    tell(
        [
            Script::stream().send("event: a\nid: 9\ndata: x\ndata: half"),
            Script::stream().send(" y\ndata: z\n\n"),
        ],
        |source| source,
        "> GET /events
        opened /events
        again in 100 ms, 1: end of the stream
        > GET /events
        opened /events
        message [] z
        again in 100 ms, 1: end of the stream
        > GET /events
        closed by 204",
    )
    .await;
}

#[tokio::test]
async fn a_chunked_body_may_cut_anywhere() {
    tell(
        [Script::chunked().send("6\r\ndata: \r\n").pause(5).send("3\r\nx\n\n\r\n0\r\nX-Trailer: y\r\n\r\n")],
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
