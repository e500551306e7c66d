//! Where `tail` starts and when it stops.

use super::{run, stderr, stdout};
use crate::server::{Absent, Script, Server};

fn json(body: &str) -> Script {
    let head = format!("200 OK\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
    Script::answer(&head).send(body)
}

#[tokio::test]
async fn the_start_is_asked_for() {
    for (args, request) in [
        (&["--last", "5"][..], "> GET /x?last=5"),
        (&["--since", "2026-11-22T08:00:00+01:00"], "> GET /x?since=2026-11-22T07%3A00%3A00.000Z"),
        (&["--since", "earliest"], "> GET /x [earliest]"),
        (&["--since", "6ce0ea04547f-42"], "> GET /x [6ce0ea04547f-42]"),
        (&["--last-event-id", "10m"], "> GET /x [10m]"),
    ] {
        let mut server = Server::start([]).await;
        run(&[&["tail", &server.url("/x")], args].concat()).await;
        assert_eq!(server.request().await.in_words(), request);
    }
}

#[tokio::test]
async fn a_reconnect_goes_on_by_id() {
    let mut server = Server::start([Script::stream().send("retry: 100\nid: 7\ndata: x\n\n")]).await;
    run(&["tail", &server.url("/x"), "--last", "5"]).await;
    server.request().await;
    assert_eq!(server.request().await.header("last-event-id").as_deref(), Some("7"));
}

#[tokio::test]
async fn a_server_that_does_not_know_the_start_is_named() {
    let server = Server::start([Script::answer("400 Bad Request")]).await;
    let output = run(&["tail", &server.url("/x"), "--last", "5"]).await;
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("may not support --last"), "{}", stderr(&output));
}

const TOPICS: &str = r#"{"topics":[
    {"topic":"a/b","newest":"6ce0ea04547f-9","count":1},
    {"topic":"a/c","newest":"6ce0ea04547f-11"},
    {"topic":"d","newest":"6ce0ea04547f-20"},
    {"topic":"e","newest":null}
]}"#;

#[tokio::test]
async fn no_follow_stops_at_what_the_hub_had() {
    let body = "data: hello\n\nid: 6ce0ea04547f-9\ntopic: a/b\ndata: 9\n\nid: 6ce0ea04547f-11\ntopic: a/c\ndata: 11\n\nid: 6ce0ea04547f-21\ndata: 21\n\n";
    let mut server = Server::start([json(TOPICS), Script::stream().send(body).hold()]).await;
    let url = server.url("/events");
    let output = run(&["tail", &url, "--topic", "a/*", "--no-follow", "-o", "raw"]).await;
    assert_eq!((stdout(&output), output.status.code()), ("hello\n9\n11\n", Some(0)));
    assert_eq!(server.request().await.in_words(), "> GET /topics");
    assert_eq!(server.request().await.in_words(), "> GET /events?topic=a%2F* [earliest]");
}

#[tokio::test]
async fn no_follow_shows_nothing_past_the_end() {
    // The newest event has expired by the time the stream comes to it.
    let body = "id: 6ce0ea04547f-9\ndata: 9\n\nid: 6ce0ea04547f-12\ndata: 12\n\n";
    let server = Server::start([json(TOPICS), Script::stream().send(body).hold()]).await;
    let url = server.url("/events?topic=a/*");
    let output = run(&["tail", &url, "--no-follow", "-o", "raw"]).await;
    assert_eq!((stdout(&output), output.status.code()), ("9\n", Some(0)));
}

#[tokio::test]
async fn no_follow_is_over_when_the_place_is_at_the_end() {
    let body = "data: hello\n\nid: 6ce0ea04547f-30\n\n";
    let server = Server::start([json(TOPICS), Script::stream().send(body).hold()]).await;
    let output = run(&["tail", &server.url("/events"), "--since", "1m", "--no-follow", "-o", "raw"]).await;
    assert_eq!((stdout(&output), output.status.code()), ("hello\n", Some(0)));
}

#[tokio::test]
async fn no_follow_of_nothing_asks_for_no_stream() {
    for (topic, since) in [("e", "earliest"), ("x", "earliest"), ("a/b", "6ce0ea04547f-9")] {
        let server = Server::start([json(TOPICS), Script::stream().send("data: x\n\n").hold()]).await;
        let url = server.url("/events");
        let output = run(&["tail", &url, "--topic", topic, "--since", since, "--no-follow"]).await;
        assert_eq!((stdout(&output), output.status.code()), ("", Some(0)), "{}", stderr(&output));
    }
}

#[tokio::test]
async fn no_follow_of_another_server_stops_at_its_end_or_in_silence() {
    for script in [Script::stream().send("data: x\n\n"), Script::stream().send("data: x\n\n").hold()] {
        let server = Server::start([script]).await;
        let output = run(&["tail", &server.url("/x"), "--no-follow", "--idle", "200ms", "-o", "raw"]).await;
        assert_eq!((stdout(&output), output.status.code()), ("x\n", Some(0)));
    }
}

#[tokio::test]
async fn wait_limits_how_long_it_tries() {
    let absent = Absent::new();
    let url = absent.url("/x");
    let output = run(&["tail", &url, "--wait", "0s"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), format!("error: cannot connect to {url} (Connection refused)\n"));
    let output = run(&["tail", &url, "--wait", "1500ms", "-q"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), format!("error: no connection to {url} for 1s 500ms\n"));
}

#[tokio::test]
async fn wait_waits_for_a_server_that_is_busy() {
    let busy = Script::answer("503 Service Unavailable\r\nContent-Length: 0");
    let server = Server::start([busy.clone(), Script::stream().send("data: x\n\n").hold()]).await;
    let output = run(&["tail", &server.url("/x"), "--wait", "15s", "-n1", "-o", "raw"]).await;
    assert_eq!((stdout(&output), output.status.code()), ("x\n", Some(0)), "{}", stderr(&output));
    let server = Server::start([busy]).await;
    let output = run(&["tail", &server.url("/x"), "--wait", "0s"]).await;
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
}

#[tokio::test]
async fn a_gap_ends_with_10_if_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let gap = r#"{"requested":"e-1","first":"e-9","reason":"expired"}"#;
    let body = format!("id: 1\ndata: x\n\nevent: gap\nhub: gap\nid: 2\ndata: {gap}\n\nid: 3\ndata: y\n\n");
    let server = Server::start([Script::stream().send(&body).hold()]).await;
    let url = server.url("/x");
    let args = ["tail", &url, "--fail-on-gap", "-o", "raw", "--cursor", cursor.to_str().unwrap()];
    let output = run(&args).await;
    assert_eq!((stdout(&output), output.status.code()), ("x\n", Some(10)));
    assert_eq!(std::fs::read_to_string(&cursor).unwrap(), "{\"id\":\"1\"}\n", "the gap is told again");
    let later = gap.replace("expired", "of-a-later-version");
    let server =
        Server::start([Script::stream().send(format!("event: gap\nhub: gap\ndata: {later}\n\n")).hold()])
            .await;
    let output = run(&["tail", &server.url("/x"), "--fail-on-gap"]).await;
    assert_eq!(output.status.code(), Some(10), "{}", stderr(&output));
}

#[tokio::test]
async fn only_a_hub_tells_of_gaps() {
    // Earlier hubs do not mark their gaps.
    let unmarked = r#"{"requested":"x","first":"6ce0ea04547f-9","reason":"expired"}"#;
    let foreign_id = unmarked.replace("6ce0ea04547f-9", "9");
    let foreign_reason = unmarked.replace("expired", "weather");
    for (body, code) in [
        (format!("event: gap\ndata: {unmarked}\n\n"), 10),
        (format!("event: gap\ntopic: a\ndata: {unmarked}\n\n"), 0),
        (format!("event: gap\ndata: {foreign_id}\n\n"), 0),
        (format!("event: gap\ndata: {foreign_reason}\n\n"), 0),
        (format!("data: {unmarked}\n\n"), 0),
        ("event: gap\ndata: x\n\n".to_owned(), 0),
        ("event: gap\nhub: gap\ndata: x\n\n".to_owned(), 10),
    ] {
        let server = Server::start([Script::stream().send(&body).hold()]).await;
        let output = run(&["tail", &server.url("/x"), "--fail-on-gap", "-n1"]).await;
        assert_eq!(output.status.code(), Some(code), "{body}");
    }
}
