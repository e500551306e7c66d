//! Which events `tail` lets through, and what of them it shows.

use super::{run, stderr, stdout};
use crate::server::{Script, Server};

/// What comes out of a body, raw, and what is said about it.
async fn through(body: &str, args: &[&str]) -> (Vec<String>, String) {
    let server = Server::start([Script::stream().send(format!("retry: 100\n\n{body}"))]).await;
    let url = server.url("/x");
    let output = run(&[&["tail", &url, "-o", "raw"], args].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    (stdout(&output).lines().map(str::to_owned).collect(), stderr(&output).to_owned())
}

const TYPES: &str = "event: userConnected\ndata: 1\n\nevent: userDisconnected\ndata: 2\n\nevent: newMessage\nid: 7\ndata: 3\n\ndata: 4\n\n";

#[tokio::test]
async fn types_are_chosen_by_globs() {
    for (args, data) in [
        (&["--event", "user*"][..], &["1", "2"][..]),
        (&["--event", "user*", "--event", "message"], &["1", "2", "4"]),
        (&["--event", "user*", "--exclude", "*Dis*"], &["1"]),
        (&["--exclude", "{user*,message}"], &["3"]),
        (&["--with-id"], &["3"]),
    ] {
        assert_eq!(through(TYPES, args).await.0, data, "{args:?}");
    }
}

#[tokio::test]
async fn grep_looks_at_all_lines_of_the_data() {
    let body = "data: a\ndata: Lunch?\n\ndata: b\n\ndata: lunch!\n\n";
    assert_eq!(through(body, &["--grep", "Lunch"]).await.0, ["a", "Lunch?"]);
    assert_eq!(through(body, &["--grep", "(?i)lunch."]).await.0, ["a", "Lunch?", "lunch!"]);
}

#[tokio::test]
async fn jq_filters_and_replaces_the_data() {
    let body = "data: {\"n\":1,\"s\":\"x\"}\n\ndata: {\"n\":2,\"s\":\"y\"}\n\n";
    for (code, data) in [
        (".n > 1", "{\"n\":2,\"s\":\"y\"}"),
        ("select(.n > 1) | .s", "y"),
        ("select(.n > 1) | {s}", "{\"s\":\"y\"}"),
    ] {
        assert_eq!(through(body, &["--jq", code]).await.0, [data], "{code}");
    }
}

#[tokio::test]
async fn data_that_is_no_json_is_left_out_and_counted() {
    let body = "data: {\"n\":1}\n\nid: 9\ndata: [DONE]\n\ndata: x\n\ndata: {\"n\":2}\n\n";
    let (data, messages) = through(body, &["--jq", ".n"]).await;
    assert_eq!(data, ["1", "2"]);
    let messages: Vec<&str> = messages.lines().filter(|line| line.starts_with("skipped")).collect();
    assert_eq!(
        messages,
        [
            "skipped an event (type message, id 9): the data is not JSON: expected value at line 1 column 2",
            "skipped 2 events on which --jq failed",
        ]
    );
}

#[tokio::test]
async fn the_forms_show_topic_and_type() {
    let body = "event: paid\nid: 7\ntopic: orders\ndata: a\ndata: b\n\n";
    for (args, text) in [
        (&["-o", "raw"][..], "a\nb\n"),
        (&["--json"], "{\"id\":\"7\",\"event\":\"paid\",\"data\":\"a\\nb\",\"topic\":\"orders\"}\n"),
        (&["-o", "json"], "{\"id\":\"7\",\"event\":\"paid\",\"data\":\"a\\nb\",\"topic\":\"orders\"}\n"),
        (&["--template", "{{{topic}}} {event}/{id}: {data}"], "{orders} paid/7: a\nb\n"),
    ] {
        let server = Server::start([Script::stream().send(body)]).await;
        let url = server.url("/x");
        let output = run(&[&["tail", &url, "-n1"], args].concat()).await;
        assert_eq!(stdout(&output), text, "{args:?}");
    }
}

#[tokio::test]
async fn topics_get_a_column_once_there_are_several() {
    let body = "topic: a\ndata: 1\n\ntopic: a\ndata: 2\n\ntopic: b\ndata: 3\n\n";
    let server = Server::start([Script::stream().send(body)]).await;
    let output = run(&["tail", &server.url("/x"), "-n3"]).await;
    let lines: Vec<&str> = stdout(&output).lines().map(|line| &line[14..]).collect();
    assert_eq!(lines, ["message       1", "message       2", "b         message       3"]);
}

#[tokio::test]
async fn several_streams_name_their_lines() {
    let one = Server::start([Script::stream().send("data: 1\n\n").hold()]).await;
    let two = Server::start([Script::stream().send("data: 2\n\n").hold()]).await;
    let (one_url, two_url) = (one.url("/x?key=hunter2"), two.url("/x"));
    let output = run(&["tail", &one_url, &two_url, "--json", "-n2"]).await;
    let mut lines: Vec<&str> = stdout(&output).lines().collect();
    lines.sort_unstable_by_key(|line| line.contains("\"2\""));
    let line =
        |data, url| format!("{{\"id\":\"\",\"event\":\"message\",\"data\":\"{data}\",\"url\":\"{url}\"}}");
    assert_eq!(lines, [line("1", one.url("/x")), line("2", two_url.clone())]);
    assert!(!stderr(&output).contains("hunter2"), "{}", stderr(&output));
    let server =
        Server::start([Script::stream().send("data: 1\n\n").hold(), Script::answer("404 Not Found")]).await;
    let output = run(&["tail", &server.url("/a"), &server.url("/b"), "-n1"]).await;
    let name = stdout(&output)[14..].split(' ').next().unwrap().to_owned();
    assert!(name == "/a" || name == "/b", "{name}");
}

#[tokio::test]
async fn the_worst_end_of_several_streams_counts() {
    let good = Server::start([]).await;
    let bad = Server::start([Script::answer("404 Not Found")]).await;
    let output = run(&["tail", &good.url("/x"), &bad.url("/x")]).await;
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
}
