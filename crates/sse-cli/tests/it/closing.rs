//! Topics that are closed or deleted: `tail` ends or goes on, `publish` closes and deletes.

use std::process::Output;

use tokio::io::AsyncWriteExt;

use super::{command, finish, run, stderr, stdout};
use crate::inbox::{Answer, EPOCH, Inbox};
use crate::server::{Script, Server};

fn event(id: u32, topic: &str, data: &str) -> String {
    format!("id: {id}\ntopic: {topic}\ndata: {data}\n\n")
}

fn end(id: u32, topic: &str) -> String {
    format!("event: end\nid: {id}\ntopic: {topic}\nhub: end\ndata: {{\"topic\":\"{topic}\"}}\n\n")
}

fn deleted(id: u32, topic: &str) -> String {
    let data = r#"{"requested":"e-1","first":"e-2","reason":"deleted"}"#;
    format!("event: gap\nid: {id}\ntopic: {topic}\nhub: gap\ndata: {data}\n\n")
}

fn last_line(output: &Output) -> &str {
    stderr(output).lines().last().unwrap_or_default()
}

/// What `tail` says last when the stream of these topics has this body, and how often it asked.
async fn outcome(topics: &[&str], body: String) -> (String, usize) {
    let mut server = Server::start([Script::stream().send("retry: 100\n\n").send(body)]).await;
    let url = server.url("/events");
    let topics = topics.iter().flat_map(|topic| ["-t", topic]);
    let output = run(&["tail", &url, "--json"].into_iter().chain(topics).collect::<Vec<_>>()).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let requests = std::iter::from_fn(|| server.next_request()).count();
    (last_line(&output).to_owned(), requests)
}

#[tokio::test]
async fn a_tail_ends_with_the_last_of_its_topics() {
    let one = outcome(&["a"], event(1, "a", "x") + &end(2, "a")).await;
    assert_eq!(one, ("the topic a is closed".to_owned(), 1));
    let both = outcome(&["a", "b"], end(1, "a") + &event(2, "b", "x") + &end(3, "b")).await;
    assert_eq!(both, ("all topics are closed".to_owned(), 1));
}

#[tokio::test]
async fn a_stream_that_ends_for_another_reason_is_asked_for_again() {
    for (topics, body) in [
        (&["a", "b"][..], end(1, "a")),
        (&["a/*"], end(1, "a/b")),
        (&[], end(1, "a")),
        (&["a"], end(1, "a") + &deleted(2, "a")),
        (&["a"], end(1, "a") + &deleted(2, "a") + &event(3, "a", "x")),
        (&["a"], "event: end\nid: 1\ntopic: a\ndata: x\n\n".to_owned()),
    ] {
        let again = outcome(topics, body.clone()).await;
        assert_eq!(again, ("the server ended the stream (204)".to_owned(), 2), "{topics:?} {body}");
    }
}

#[tokio::test]
async fn the_cursor_is_at_the_end_and_the_next_run_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let mut server = Server::start([Script::stream().send(event(1, "a", "x") + &end(2, "a"))]).await;
    let url = server.url("/events");
    let args = ["tail", &url, "-t", "a", "--cursor", cursor.to_str().unwrap(), "-o", "raw"];
    let first = run(&args).await;
    assert_eq!((first.status.code(), stdout(&first)), (Some(0), "x\n{\"topic\":\"a\"}\n"));
    assert_eq!(std::fs::read_to_string(&cursor).unwrap(), "{\"id\":\"2\"}\n");
    let second = run(&args).await;
    assert_eq!((second.status.code(), stdout(&second)), (Some(0), ""));
    assert_eq!(last_line(&second), "the server ended the stream (204)");
    assert_eq!(std::fs::read_to_string(&cursor).unwrap(), "{\"id\":\"2\"}\n");
    assert_eq!(server.request().await.header("last-event-id"), None);
    assert_eq!(server.request().await.header("last-event-id").unwrap(), "2");
}

#[tokio::test]
async fn every_format_shows_ends_and_deletions() {
    let json = "{\"id\":\"2\",\"event\":\"gap\",\"data\":\"{\\\"requested\\\":\\\"e-1\\\",\\\"first\\\":\\\"e-2\\\",\\\"reason\\\":\\\"deleted\\\"}\",\
                \"topic\":\"a\",\"hub\":\"gap\"}\n\
                {\"id\":\"3\",\"event\":\"end\",\"data\":\"{\\\"topic\\\":\\\"a\\\"}\",\"topic\":\"a\",\"hub\":\"end\"}\n";
    let gap = r#"{"requested":"e-1","first":"e-2","reason":"deleted"}"#;
    for (args, expected) in [
        (&["--json"][..], json.to_owned()),
        (&["-o", "raw"], format!("{gap}\n{{\"topic\":\"a\"}}\n")),
        (&["--template", "{id} {event} {topic}"], "2 gap a\n3 end a\n".to_owned()),
        (&["-o", "raw", "--exclude", "{end,gap}"], String::new()),
    ] {
        let server = Server::start([Script::stream().send(deleted(2, "a") + &end(3, "a"))]).await;
        let output = run(&[&["tail", &server.url("/events"), "-t", "a"], args].concat()).await;
        assert_eq!((output.status.code(), stdout(&output)), (Some(0), expected.as_str()), "{args:?}");
        let messages: Vec<&str> = stderr(&output).lines().skip(1).collect();
        let gap = "gap: the topic a was deleted; the stream continues from e-2";
        assert_eq!(messages, [gap, "the topic a is closed"]);
    }
    let server = Server::start([Script::stream().send(deleted(2, "a") + &end(3, "a"))]).await;
    let url = server.url("/events");
    let mut command = command(&["tail", &url, "-t", "a"]);
    let output = finish(command.env("CLICOLOR_FORCE", "1").spawn().unwrap()).await;
    assert!(stdout(&output).contains("\x1b[1m\x1b[31mgap\x1b[0m"), "{:?}", stdout(&output));
    assert!(stdout(&output).contains("\x1b[1mend\x1b[0m"), "{:?}", stdout(&output));
}

/// Publishes with this stdin.
async fn publish(hub: &Inbox, args: &[&str], stdin: &'static str) -> Output {
    let mut command = command(&[&["publish"], args].concat());
    let mut child = command.env("SSE_SERVER", hub.url()).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // It may end without reading all of it.
    let _ = pipe.write_all(stdin.as_bytes()).await;
    drop(pipe);
    finish(child).await
}

/// A hub's answer when it closes or deletes.
const PLACE: Answer = Answer::Http("200 OK\r\nContent-Type: application/json", "{\"id\":\"0123456789ab-9\"}");

#[tokio::test]
async fn a_topic_is_closed_after_the_events() {
    for (args, stdin) in [(&["jobs/7", "done"][..], "unread"), (&["jobs/7", "-"], "done\n")] {
        let mut hub = Inbox::start([Answer::Acknowledge, PLACE]).await;
        let output = publish(&hub, &[args, &["--close"]].concat(), stdin).await;
        let ids = format!("{EPOCH}-1\n{EPOCH}-9\n");
        assert_eq!((output.status.code(), stdout(&output)), (Some(0), ids.as_str()), "{}", stderr(&output));
        assert_eq!(stderr(&output), "1 event acknowledged\nthe topic jobs/7 is closed\n");
        assert_eq!(hub.posted().await.body, "{\"data\":\"done\"}\n");
        let close = hub.posted().await;
        assert_eq!(close.line, "POST /topics/jobs/7?close=true HTTP/1.1");
        assert_eq!(close.body, "");
    }
}

#[tokio::test]
async fn closing_alone_leaves_stdin_and_is_repeated_until_it_is_answered() {
    let mut hub = Inbox::start([Answer::Cut, PLACE]).await;
    let output = publish(&hub, &["jobs/7", "--close", "-q"], "unread\n").await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), "0123456789ab-9\n"), "{}", stderr(&output));
    for posted in [hub.posted().await, hub.posted().await] {
        assert_eq!(posted.line, "POST /topics/jobs/7?close=true HTTP/1.1");
    }
    assert!(hub.rest().is_empty());
}

#[tokio::test]
async fn a_topic_is_deleted() {
    let mut hub = Inbox::start([PLACE]).await;
    let output = publish(&hub, &["jobs/7", "--delete"], "unread\n").await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), "0123456789ab-9\n"), "{}", stderr(&output));
    assert_eq!(stderr(&output), "the topic jobs/7 is deleted\n");
    let posted = hub.posted().await;
    assert_eq!(posted.line, "DELETE /topics/jobs/7 HTTP/1.1");
}

#[tokio::test]
async fn a_closed_topic_takes_no_events() {
    let detail = "{\"detail\":\"the topic `t` is closed\"}";
    let conflict = Answer::Http("409 Conflict\r\nContent-Type: application/problem+json", detail);
    let mut hub = Inbox::start([conflict]).await;
    let output = publish(&hub, &["t", "x", "--close"], "").await;
    assert_eq!(output.status.code(), Some(4));
    assert!(last_line(&output).contains("the topic `t` is closed"), "{}", stderr(&output));
    assert_eq!(hub.rest().len(), 1, "what was not published does not close");
}

#[tokio::test]
async fn events_can_have_a_time_to_live() {
    let mut hub = Inbox::start([]).await;
    let output = publish(&hub, &["t", "--ttl", "90s"], "a\nb\n").await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let sent: String = hub.rest().iter().map(|posted| posted.body.as_str()).collect();
    assert_eq!(sent, "{\"data\":\"a\",\"ttl\":\"1m 30s\"}\n{\"data\":\"b\",\"ttl\":\"1m 30s\"}\n");
    for args in [
        &["t", "x", "--ttl", "500ms"][..],
        &["t", "x", "--ttl", "91d"],
        &["t", "--ndjson", "--ttl", "1s"],
        &["t", "x", "--delete"],
        &["t", "--delete", "--close"],
    ] {
        assert_eq!(publish(&hub, args, "").await.status.code(), Some(2), "{args:?}");
    }
    assert!(hub.rest().is_empty());
}
