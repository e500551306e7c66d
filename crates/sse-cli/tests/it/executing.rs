//! `--exec`: a command for each event, and the cursor behind it.
#![cfg(unix)]

use super::{run, stderr, stdout};
use crate::server::{Script, Server};

const BODY: &str =
    "event: paid\nid: 1\ntopic: orders\ndata: a\ndata: b\n\nid: 2\ndata: c\n\nid: 3\ndata: d\n\n";

#[tokio::test]
async fn the_command_gets_the_event() {
    let server = Server::start([Script::stream().send(BODY)]).await;
    let url = server.url("/x");
    let print = r#"echo "$SSE_ID,$SSE_EVENT,$SSE_TOPIC,$SSE_TOKEN"; cat"#;
    let output = run(&["tail", &url, "--exec", print, "-n2", "--token", "hunter2"]).await;
    assert_eq!(stdout(&output), "1,paid,orders,\na\nb\n2,message,,\nc\n");
    let server = Server::start([Script::stream().send(BODY)]).await;
    let output = run(&["tail", &server.url("/x"), "--exec", "cat", "-n1", "--json"]).await;
    assert_eq!(
        stdout(&output),
        "{\"id\":\"1\",\"event\":\"paid\",\"data\":\"a\\nb\",\"topic\":\"orders\"}\n"
    );
}

#[tokio::test]
async fn the_cursor_moves_only_after_success() {
    let folder = tempfile::tempdir().unwrap();
    let (cursor, done) = (folder.path().join("cursor"), folder.path().join("done"));
    let server = Server::start([Script::stream().send(BODY).hold()]).await;
    let url = server.url("/x");
    let work = format!(r#"echo "$SSE_ID" >> {}; [ "$SSE_ID" != 2 ]"#, done.display());
    let args = ["tail", &url, "--cursor", cursor.to_str().unwrap(), "--exec", &work, "--exec-retries", "1"];
    let output = run(&args).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&done).unwrap(), "1\n2\n2\n");
    assert_eq!(std::fs::read_to_string(&cursor).unwrap(), "{\"id\":\"1\"}\n");
    let messages: Vec<&str> = stderr(&output).lines().skip(1).collect();
    assert_eq!(
        messages,
        [
            "--exec: the command failed (exit status: 1), retrying in 1.0 s",
            "error: --exec: the command failed (exit status: 1), 2 times for the event 2",
        ]
    );
}

#[tokio::test]
async fn a_command_need_not_read_its_event() {
    let body = format!("data: {}\n\ndata: y\n\n", "x".repeat(1 << 20));
    let server = Server::start([Script::stream().send(body)]).await;
    let output = run(&["tail", &server.url("/x"), "--exec", "echo ok", "-n2"]).await;
    assert_eq!((stdout(&output), output.status.code()), ("ok\nok\n", Some(0)));
}

#[tokio::test]
async fn ctrl_c_ends_it_between_two_commands() {
    let folder = tempfile::tempdir().unwrap();
    let (cursor, done) = (folder.path().join("cursor"), folder.path().join("done"));
    let server = Server::start([Script::stream().send(BODY).hold()]).await;
    let url = server.url("/x");
    // All three events are at hand. The first command ends tail, and then goes on for a while.
    let work = format!("kill -INT $PPID; sleep 0.3; echo \"$SSE_ID\" >> {}", done.display());
    let output = run(&["tail", &url, "--cursor", cursor.to_str().unwrap(), "--exec", &work]).await;
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(&done).unwrap(), "1\n");
    assert_eq!(std::fs::read_to_string(&cursor).unwrap(), "{\"id\":\"1\"}\n");
}

#[tokio::test]
async fn ctrl_c_ends_the_pause_after_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let server = Server::start([Script::stream().send(BODY).hold()]).await;
    let url = server.url("/x");
    let work = r#"[ "$SSE_ID" = 1 ] || { kill -INT $PPID; exit 7; }"#;
    let args = ["tail", &url, "--cursor", cursor.to_str().unwrap(), "--exec", work, "--exec-retries", "99"];
    let output = run(&args).await;
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(&cursor).unwrap(), "{\"id\":\"1\"}\n");
    assert_eq!(stderr(&output).matches("retrying in").count(), 1, "{}", stderr(&output));
}
