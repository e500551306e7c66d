//! `publish`: what reaches the hub, which ids come out, and what happens when the hub does not take it.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;

use super::{DEADLINE, command, finish, stderr, stdout};
use crate::inbox::{Answer, EPOCH, Inbox};
use crate::server::Absent;

fn spawn(hub: &str, args: &[&str]) -> Child {
    let mut command = command(&[&["publish"], args].concat());
    command.env("SSE_SERVER", hub).stdin(Stdio::piped()).spawn().unwrap()
}

/// Publishes with this stdin.
async fn publish(hub: &Inbox, args: &[&str], stdin: impl Into<Vec<u8>>) -> Output {
    let mut child = spawn(&hub.url(), args);
    let (mut pipe, stdin) = (child.stdin.take().unwrap(), stdin.into());
    // Beside reading stdout, or both pipes fill up. It may end without reading all of it.
    tokio::spawn(async move { pipe.write_all(&stdin).await });
    finish(child).await
}

fn ids(seqs: std::ops::RangeInclusive<usize>) -> String {
    seqs.map(|seq| format!("{EPOCH}-{seq}\n")).collect()
}

#[tokio::test]
async fn an_argument_is_one_event() {
    let mut hub = Inbox::start([]).await;
    let output = publish(&hub, &["chat/lobby", "{\"a\":1}\nb", "--event", "newMessage"], "").await;
    assert_eq!(
        (output.status.code(), stdout(&output)),
        (Some(0), ids(1..=1).as_str()),
        "{}",
        stderr(&output)
    );
    assert_eq!(stderr(&output), "1 event acknowledged\n");
    let posted = hub.posted().await;
    assert_eq!(posted.line, "POST /topics/chat/lobby HTTP/1.1");
    assert_eq!(posted.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(posted.body, "{\"data\":\"{\\\"a\\\":1}\\nb\",\"event\":\"newMessage\"}\n");
}

#[tokio::test]
async fn each_line_is_sent_as_it_comes() {
    let mut hub = Inbox::start([]).await;
    let mut child = spawn(&hub.url(), &["logs"]);
    let mut pipe = child.stdin.take().unwrap();
    let mut ids = BufReader::new(child.stdout.take().unwrap()).lines();
    for (text, seq) in [("one", 1), ("", 2), ("drei ✓", 3)] {
        pipe.write_all(format!("{text}\n").as_bytes()).await.unwrap();
        let id = tokio::time::timeout(DEADLINE, ids.next_line()).await.unwrap().unwrap();
        assert_eq!(id, Some(format!("{EPOCH}-{seq}")));
        assert_eq!(hub.posted().await.body, format!("{{\"data\":\"{text}\"}}\n"));
    }
    drop(pipe);
    let output = finish(child).await;
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), "3 events acknowledged\n"));
}

#[tokio::test]
async fn lines_that_wait_go_together() {
    let mut hub = Inbox::start([]).await;
    let input: String = (1..=20_000).map(|n| format!("line {n}\n")).collect();
    let output = publish(&hub, &["logs", "-", "--quiet"], input).await;
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    assert_eq!(stdout(&output), ids(1..=20_000));
    let posted = hub.rest();
    let sent: String = posted.iter().map(|posted| posted.body.as_str()).collect();
    let expected: String = (1..=20_000).map(|n| format!("{{\"data\":\"line {n}\"}}\n")).collect();
    assert!(sent == expected, "every line once, in order");
    assert!(posted.len() < 5_000, "{} requests", posted.len());
    assert!(posted.iter().all(|posted| posted.body.lines().count() <= 1000));
    let mut keys: Vec<&str> = posted.iter().map(|posted| posted.key()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), posted.len());
}

#[tokio::test]
async fn ndjson_is_passed_on_and_blank_lines_are_not() {
    let mut hub = Inbox::start([]).await;
    let output = publish(&hub, &["t", "--ndjson"], "{\"data\":1,\"event\":\"a\"}\n\n{\"data\":{}}").await;
    assert_eq!(
        (output.status.code(), stdout(&output)),
        (Some(0), ids(1..=2).as_str()),
        "{}",
        stderr(&output)
    );
    let sent: String = hub.rest().iter().map(|posted| posted.body.as_str()).collect();
    assert_eq!(sent, "{\"data\":1,\"event\":\"a\"}\n{\"data\":{}}\n");
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_key() {
    let full = Answer::Http("503 Service Unavailable\r\nRetry-After: 1", "");
    let mut hub = Inbox::start([Answer::Cut, full, Answer::Acknowledge]).await;
    let began = Instant::now();
    let output = publish(&hub, &["t", "x"], "").await;
    assert!(began.elapsed() >= Duration::from_secs(1), "Retry-After is honoured");
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), ids(1..=1).as_str()));
    let messages: Vec<&str> = stderr(&output).lines().collect();
    assert!(messages[0].starts_with(&format!("no answer from {}/topics/t (", hub.url())), "{messages:?}");
    assert_eq!(messages[1], "the hub answered 503 Service Unavailable, retrying in 1.0 s");
    let posted = hub.rest();
    assert_eq!(posted.len(), 3);
    assert!(posted.iter().all(|again| again.key() == posted[0].key() && again.body == posted[0].body));
}

#[tokio::test]
async fn a_hub_that_is_not_there_yet_is_waited_for() {
    let absent = Absent::new();
    let url = absent.url("");
    let mut child = spawn(&url, &["t", "x"]);
    let mut messages = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = tokio::time::timeout(DEADLINE, messages.next_line()).await.unwrap().unwrap().unwrap();
    let expected = format!("cannot connect to {url}/topics/t (Connection refused), retrying in 0.");
    assert!(line.starts_with(&expected), "{line}");
    let _hub = Inbox::start_at(absent, []);
    assert_eq!(finish(child).await.status.code(), Some(0));
}

#[tokio::test]
async fn it_gives_up_when_the_wait_is_over() {
    let hub = Inbox::start(vec![Answer::Http("503 Service Unavailable\r\nRetry-After: 60", ""); 9]).await;
    let output = publish(&hub, &["t", "x", "--wait", "200ms", "-q"], "").await;
    let last = "error: the hub answered 503 Service Unavailable (0 events acknowledged)\n";
    assert_eq!((output.status.code(), stdout(&output), stderr(&output)), (Some(5), "", last));
    let hub = Inbox::start([Answer::Cut]).await;
    let output = publish(&hub, &["t", "x", "--wait", "0s"], "").await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error: no answer from "), "{}", stderr(&output));
}

#[tokio::test]
async fn a_refusal_names_the_line_and_ends_with_4() {
    let head = "400 Bad Request\r\nContent-Type: application/problem+json";
    let problem = Answer::Http(head, r#"{"title":"Bad","detail":"`data` is missing"}"#);
    let mut hub = Inbox::start([Answer::Acknowledge, problem]).await;
    let mut child = spawn(&hub.url(), &["t", "--ndjson"]);
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(b"{\"data\":1}\n").await.unwrap();
    hub.posted().await;
    pipe.write_all(b"\n{}\n").await.unwrap();
    // The blank line may have gone before or with it.
    assert_eq!(hub.posted().await.body, "{}\n");
    drop(pipe);
    let output = finish(child).await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(4), ids(1..=1).as_str()));
    let messages = stderr(&output);
    let end = "the hub answered 400 Bad Request: `data` is missing (1 event acknowledged)\n";
    assert!(
        messages.starts_with("error: line") && messages.contains('3') && messages.ends_with(end),
        "{messages}"
    );
}

#[tokio::test]
async fn the_line_that_the_hub_names_is_counted_from_the_start_of_the_input() {
    let head = "422 Unprocessable Entity\r\nContent-Type: application/problem+json";
    let hub = Inbox::start([Answer::Http(head, r#"{"detail":"line 1: no","line":1}"#)]).await;
    let output = publish(&hub, &["t", "--ndjson"], "\n\n[]").await;
    assert_eq!(output.status.code(), Some(4));
    let refused = "line 3: the hub answered 422 Unprocessable Entity: no (0 events acknowledged)\n";
    assert_eq!(stderr(&output), format!("error: {refused}"));
}

#[tokio::test]
async fn lines_before_a_bad_one_are_published() {
    let hub = Inbox::start([]).await;
    let output = publish(&hub, &["t"], b"a\nb\n\xff\nc\n").await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), ids(1..=2).as_str()));
    let error = "error: line 3 is not UTF-8; events are text (2 events acknowledged)\n";
    assert_eq!(stderr(&output), error);
}

#[tokio::test]
async fn a_key_of_ones_own_is_used_for_each_line() {
    let mut hub = Inbox::start([]).await;
    publish(&hub, &["t", "x", "--key", "order 7"], "").await;
    assert_eq!(hub.posted().await.key(), "order 7");
    publish(&hub, &["t", "--key", "k"], "a\nb\nc\n").await;
    let posted = hub.rest();
    let keys: Vec<(&str, &str)> = posted.iter().map(|posted| (posted.key(), posted.body.trim())).collect();
    assert_eq!(keys, [("k-1", r#"{"data":"a"}"#), ("k-2", r#"{"data":"b"}"#), ("k-3", r#"{"data":"c"}"#)]);
}

#[tokio::test]
async fn another_server_is_not_taken_for_a_hub() {
    for body in ["<html>", "{}", r#"{"ids":{"first":"0123456789ab-1","last":"0123456789ab-1"},"count":2}"#] {
        let hub = Inbox::start([Answer::Http("200 OK", body)]).await;
        let output = publish(&hub, &["t", "x"], "").await;
        assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""), "{body}");
        assert!(stderr(&output).contains("not the response of a hub"), "{}", stderr(&output));
    }
    let hub = Inbox::start([Answer::Http("302 Found\r\nLocation: /", "")]).await;
    assert_eq!(publish(&hub, &["t", "x"], "").await.status.code(), Some(1));
}

#[tokio::test]
async fn publishing_goes_on_when_nobody_reads_the_ids() {
    let mut hub = Inbox::start([]).await;
    let mut child = spawn(&hub.url(), &["t"]);
    drop(child.stdout.take());
    let mut pipe = child.stdin.take().unwrap();
    for text in ["a\n", "b\n"] {
        pipe.write_all(text.as_bytes()).await.unwrap();
        hub.posted().await;
    }
    drop(pipe);
    let output = finish(child).await;
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), "2 events acknowledged\n"));
}

#[tokio::test]
async fn help_shows_examples_and_exit_codes() {
    let hub = Inbox::start([]).await;
    let output = publish(&hub, &["--help"], "").await;
    assert!(stdout(&output).contains("sse-cli publish greetings hello"));
    assert!(stdout(&output).contains("130  stopped by Ctrl-C"));
    assert!(!stdout(&output).contains(&hub.url()), "the environment may hold a password");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again() {
    let half = Answer::Raw(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{\"ids\":{",
    );
    let mut hub = Inbox::start([half, Answer::Acknowledge]).await;
    let output = publish(&hub, &["t", "x"], "").await;
    assert_eq!(
        (output.status.code(), stdout(&output)),
        (Some(0), ids(1..=1).as_str()),
        "{}",
        stderr(&output)
    );
    let posted = hub.rest();
    assert_eq!(posted.len(), 2);
    assert_eq!(posted[0].key(), posted[1].key());
}

#[tokio::test]
async fn headers_and_token_are_sent_and_never_shown() {
    let mut hub = Inbox::start([]).await;
    let output = publish(&hub, &["t", "x", "-H", "X-Key: hunter2", "--token", "hunter2"], "").await;
    assert_eq!(output.status.code(), Some(0));
    assert!(!stderr(&output).contains("hunter2"), "{}", stderr(&output));
    let posted = hub.posted().await;
    assert_eq!(posted.header("x-key"), Some("hunter2"));
    assert_eq!(posted.header("authorization"), Some("Bearer hunter2"));
    assert_eq!(posted.header("user-agent"), Some(concat!("sse-cli/", env!("CARGO_PKG_VERSION"))));
    let wrong = publish(&hub, &["t", "x", "--server", "http://me:hunter2@:x"], "").await;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(!stderr(&wrong).is_empty() && !stderr(&wrong).contains("hunter2"), "{}", stderr(&wrong));
}

#[tokio::test]
async fn a_header_that_would_make_events_repeats_is_refused() {
    let mut hub = Inbox::start([]).await;
    for header in ["Idempotency-Key: a", "content-type: text/plain"] {
        let output = publish(&hub, &["t", "x", "-H", header], "").await;
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("publish sets this header itself"), "{}", stderr(&output));
    }
    assert!(hub.rest().is_empty());
}
