//! The report as people and programs get it.

use super::{EVENTS, HEAD, diagnose, healthy, resumed, stream};
use crate::server::{Script, Server};
use crate::{command, finish, run, stderr, stdout};

/// The report for people.
async fn report(scripts: impl IntoIterator<Item = Script>, args: &[&str]) -> String {
    let server = Server::start(scripts).await;
    let url = server.url("/x");
    let args = [&["doctor", &url, "--watch", "1s"], args].concat();
    let output = finish(command(&args).spawn().unwrap()).await;
    assert_eq!(stderr(&output), format!("watching {url} for 1s\n"));
    stdout(&output).replace(&url, "URL")
}

#[tokio::test]
async fn says_what_was_seen_why_it_matters_and_what_to_write() {
    let head = "200 OK\r\nServer: Caddy\r\nContent-Type: text/event-stream";
    let text = report([Script::answer(head).send(EVENTS).hold(), healthy(), resumed()], &[]).await;
    let found = "\
WARNING: nothing keeps caches from storing the stream
  seen   there is no Cache-Control
  why    A cache may hold the response back until it ends, and give the old one
         to the next reader.
  fix    Caddy:
           header Cache-Control \"no-cache, no-transform\"
         application:
           Cache-Control: no-cache, no-transform
";
    assert!(text.starts_with("URL\n200 OK, HTTP/1.1, Caddy\nin "), "{text}");
    assert!(text.contains(found), "{text}");
    assert!(text.ends_with("1 warning\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[tokio::test]
async fn shows_the_lines_of_the_proxy_that_is_asked_for() {
    let script = || Script::answer("200 OK\r\nContent-Type: text/event-stream").send(EVENTS).hold();
    let text = report([script(), script(), resumed()], &["--proxy", "haproxy"]).await;
    assert!(text.contains("fix    HAProxy:\n           http-response set-header Cache-Control"), "{text}");
    let text = report([script(), script(), resumed()], &["--proxy", "all"]).await;
    for place in ["nginx:", "Apache:", "Caddy:", "HAProxy:", "application:"] {
        assert!(text.contains(place), "{text}");
    }
    assert!(!text.contains("Another proxy?"), "{text}");
}

#[tokio::test]
async fn nothing_found_is_said_and_what_could_not_be_seen() {
    let text = report([healthy(), healthy(), resumed()], &[]).await;
    assert!(text.ends_with("nothing found\n"), "{text}");
    assert!(
        text.contains("unseen certificate (not https), heartbeat (watched for less than 17 s)"),
        "{text}"
    );
}

#[tokio::test]
async fn what_the_server_sends_cannot_act_on_the_terminal() {
    let evil = stream().send("retry: 2000\n\u{1b}[2J\u{9b}: x\n").send(EVENTS).hold();
    let text = report([evil.clone(), healthy(), resumed()], &[]).await;
    assert!(text.contains("the first: \\u{1b}[2J\\u{9b}: x"), "{text}");
    let diagnosis = diagnose([evil, healthy(), resumed()]).await;
    assert_eq!(diagnosis.seen(), "1 line, the first: \u{1b}[2J\u{9b}: x");
}

#[tokio::test]
async fn json_has_what_the_docs_promise() {
    let head = HEAD.replace("no-cache", "max-age=60");
    let diagnosis = diagnose([Script::answer(&head).send(EVENTS).hold(), healthy(), resumed()]).await;
    let json = &diagnosis.json;
    assert_eq!((&json["status"], &json["severity"]), (&200.into(), &"warning".into()));
    assert_eq!((&json["events"], &json["bytes"]), (&3.into(), &EVENTS.len().into()));
    let finding = &json["findings"][0];
    assert_eq!(finding["seen"], "Cache-Control: max-age=60");
    let fix = finding["fix"].as_array().unwrap();
    let places: Vec<_> = fix.iter().map(|one| one["place"].as_str().unwrap()).collect();
    assert_eq!(places, ["nginx", "apache", "caddy", "haproxy", "application"]);
    assert_eq!(fix[4]["lines"][0], "Cache-Control: no-cache, no-transform");
    assert_eq!(finding["mend"], finding["fix"], "the former name, for one release");
    assert_eq!(json["unjudged"][0]["check"], "certificate");
}

#[tokio::test]
async fn help_names_limits_and_exit_codes() {
    let help = run(&["doctor", "--help"]).await;
    let help = stdout(&help);
    assert!(help.contains("[default: 20s]") && help.contains("    3  warnings, but no fault"), "{help}");
    for wrong in
        [&["doctor", "tial"][..], &["doctor", ":1", "--watch", "1"], &["doctor", ":1", "--credentials"]]
    {
        assert_eq!(run(wrong).await.status.code(), Some(2), "{wrong:?}");
    }
}

#[tokio::test]
async fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).await;
        assert!(stdout(&script).contains("doctor") && stdout(&script).contains("origin"), "{shell}");
    }
}
