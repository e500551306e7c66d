//! `tail`: what is asked for, and which events come out.

use tokio::io::{AsyncBufReadExt, BufReader};

use super::{DEADLINE, command, finish, run, stderr, stdout};
use crate::server::{Absent, Script, Server};

#[tokio::test]
async fn json_gives_one_object_a_line_and_nothing_else() {
    let body = "event: tick\nid: 1\ndata: {\"a\":1}\n\ndata: two\ndata: lines\n\n";
    let server = Server::start([Script::stream().send(body)]).await;
    let output = run(&["tail", &server.url("/x"), "--json", "--count", "2"]).await;
    assert_eq!(
        stdout(&output),
        "{\"id\":\"1\",\"event\":\"tick\",\"data\":\"{\\\"a\\\":1}\"}\n{\"id\":\"1\",\"event\":\"message\",\"data\":\"two\\nlines\"}\n"
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), format!("connected to {}\n", server.url("/x")));
}

#[tokio::test]
async fn each_event_is_there_at_once() {
    let script = Script::stream().send("data: x\n\n").hold();
    let server = Server::start([script.clone(), script]).await;
    for args in [&["--json"][..], &[]] {
        let mut child = command(&[&[server.url("/x").as_str()], args].concat()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap();
        assert!(line.unwrap().contains('x'));
    }
}

#[tokio::test]
async fn tail_is_the_default_command() {
    let server = Server::start([Script::stream().send("data: x\n\n")]).await;
    let address = server.address.to_string();
    let output = run(&[&address, "--json", "-n1"]).await;
    assert_eq!(stdout(&output), "{\"id\":\"\",\"event\":\"message\",\"data\":\"x\"}\n");
    assert_eq!(stderr(&output), format!("connected to http://{address}/events\n"));
}

#[tokio::test]
async fn topics_and_the_id_are_asked_for() {
    let mut server = Server::start([]).await;
    let url = server.url("/x?token=1");
    run(&["tail", &url, "--topic", "chat/*", "--topic", "a&b", "--last-event-id", "earliest"]).await;
    let request = server.request().await;
    assert_eq!(request.in_words(), "> GET /x?token=1&topic=chat%2F*&topic=a%26b [earliest]");
    assert!(request.header("user-agent").unwrap().starts_with("sse-cli/"));
}

#[tokio::test]
async fn count_counts_what_the_filter_lets_through() {
    let body = "data: 1\n\nevent: a\ndata: 2\n\nevent: b\ndata: 3\n\ndata: 4\n\nevent: b\ndata: 5\n\n";
    let server = Server::start([Script::stream().send(body).hold()]).await;
    let url = server.url("/x");
    let output = run(&["tail", &url, "--json", "--event", "message", "--event", "b", "--count", "3"]).await;
    let data: Vec<&str> = stdout(&output).lines().map(|line| line.split('"').rev().nth(1).unwrap()).collect();
    assert_eq!(data, ["1", "3", "4"]);
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test]
async fn a_lost_connection_is_made_again_from_the_last_id() {
    let mut server = Server::start([
        Script::stream().send("retry: 100\nid: 7\ndata: x\n\n"),
        Script::stream().send("data: y\n\n").hold(),
    ])
    .await;
    let output = run(&["tail", &server.url("/x"), "--json", "--count", "2"]).await;
    assert_eq!(server.request().await.header("last-event-id"), None);
    assert_eq!(server.request().await.header("last-event-id").unwrap(), "7");
    assert_eq!(stdout(&output).lines().count(), 2);
    assert_eq!(
        stderr(&output).lines().nth(1).unwrap(),
        "connection lost (end of the stream), retrying in 0.1 s (attempt 1)"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_yet_is_waited_for() {
    let absent = Absent::new();
    let url = absent.url("/x");
    let mut child = command(&["tail", &url, "--count", "1"]).spawn().unwrap();
    let mut messages = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = tokio::time::timeout(DEADLINE, messages.next_line()).await.unwrap().unwrap().unwrap();
    assert_eq!(line, format!("cannot connect to {url} (Connection refused), retrying in 1.0 s (attempt 1)"));
    let _server = Server::start_at(absent, [Script::stream().send("data: x\n\n")]);
    assert_eq!(finish(child).await.status.code(), Some(0));
}

#[tokio::test]
async fn plain_http_needs_no_certificates() {
    let server = Server::start([Script::stream().send("data: x\n\n")]).await;
    let url = server.url("/x");
    let mut command = command(&["tail", &url, "-n1"]);
    command.env("SSL_CERT_FILE", "/nonexistent").env("SSL_CERT_DIR", "/nonexistent");
    let output = finish(command.spawn().unwrap()).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}
