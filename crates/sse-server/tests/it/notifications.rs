//! Notifications: sent by anybody, seen by all readers.

use reqwest::Method;
use serde_json::{Value, json};
use sse_core::payload::{Connected, Notification, NotificationSource, Severity};

use crate::api::{Api, send};
use crate::harness::{Reader, Server, event_type_of, id_of};

fn notification(title: &str) -> Value {
    json!({ "category": "deploy", "severity": "warning", "title": title, "text": "a\r\nb" })
}

#[tokio::test]
async fn a_notification_is_seen_on_its_stream_and_among_all_events() {
    let api = Api::start();
    let mut own = Reader::open(api.server.url("/notifications/events")).await;
    let mut all = Reader::open(api.server.url("/events?topic=notifications")).await;
    let connected = own.event().await;
    assert_eq!(event_type_of(&connected), "connected");
    let connected: Connected = serde_json::from_str(connected.data()).unwrap();
    assert_eq!(connected.message, "Connected to notifications");
    all.event().await;
    let sent = send(api.post("/notifications", notification("<b>Grüße</b>").to_string())).await;
    for reader in [&mut own, &mut all] {
        let event = reader.event().await;
        assert_eq!((event_type_of(&event), sent.json()), ("notification", json!({ "id": id_of(&event) })));
        let said: Notification = serde_json::from_str(event.data()).unwrap();
        assert!(said.time.ends_with('Z'), "{}", said.time);
        assert_eq!((&*said.category, said.severity), ("deploy", Severity::Warning));
        assert_eq!((&*said.title, &*said.text), ("<b>Grüße</b>", "a\nb"));
        assert_eq!(said.source, NotificationSource::Api);
    }
}

#[tokio::test]
async fn the_newest_come_first_when_a_page_opens_and_a_key_sends_once() {
    let api = Api::start();
    for title in ["first", "second", "second", "third"] {
        let request = api.post("/notifications", notification(title).to_string());
        let answer = send(request.header("Idempotency-Key", title)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let mut reader = Reader::open(api.server.url("/notifications/events?last=2")).await;
    reader.event_of("connected").await;
    for title in ["second", "third"] {
        assert!(reader.event().await.data().contains(title));
    }
    let topic = send(api.post("/topics/notifications?key=first", "not its endpoint")).await;
    assert_eq!(topic.status, 403, "{topic:?}");
}

#[tokio::test]
async fn a_refusal_names_the_field() {
    let api = Api::start();
    let with = |field: &str, value: Value| {
        let mut body = notification("t");
        body[field] = value;
        body.to_string()
    };
    let without = |field: &str| {
        let mut body = notification("t");
        body.as_object_mut().unwrap().remove(field);
        body.to_string()
    };
    for (body, field, part) in [
        (without("category"), "category", "is missing; add it"),
        (with("category", json!("Sales")), "category", "1 to 32 lower-case letters"),
        (with("category", json!("a b")), "category", "starts with a letter"),
        (with("category", json!("1a")), "category", "starts with a letter"),
        (with("category", json!("")), "category", "1 to 32"),
        (with("category", json!("c".repeat(33))), "category", "1 to 32"),
        (
            with("severity", json!("error")),
            "severity",
            "expected one of `info`, `success`, `warning`, `critical`",
        ),
        (without("severity"), "severity", "is missing; add it"),
        (with("title", json!(" \n")), "title", "cannot be empty"),
        (with("title", json!("x".repeat(121))), "title", "at most 120 characters, this one has 121"),
        (with("title", json!("a\nb")), "title", "cannot contain '\\n' (character 2)"),
        (with("title", json!(7)), "title", "title: invalid type: integer `7`, expected a string"),
        (with("text", json!("x".repeat(2001))), "text", "at most 2000 characters, this one has 2001"),
        (with("text", json!("\u{1b}[2J")), "text", "cannot contain '\\u{1b}' (character 1)"),
        (with("text", json!(["a"])), "text", "text: invalid type: sequence, expected a string"),
        (with("user", json!("a")), "user", "unknown field `user`, expected one of `category`"),
    ] {
        let answer = send(api.post("/notifications", body)).await;
        assert_eq!((answer.status, answer.header("content-type")), (400, "application/problem+json"));
        let problem = answer.json();
        assert_eq!(problem["field"], field, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(part), "{problem}");
    }
    for (body, status, part) in [
        (String::new(), 400, "one JSON object such as {\"category\""),
        ("[]".into(), 400, "one JSON object"),
        ("{\"title\":\"a\",\"title\":\"b\"}".into(), 400, "duplicate field `title`"),
        (with("text", json!("x".repeat(40_000))), 413, "at most 32768 bytes"),
    ] {
        let (found, detail) = send(api.post("/notifications", body)).await.problem();
        assert!(found == status && detail.contains(part), "{status} {part}: {detail}");
    }
    assert!(api.kept("notifications").await.is_empty());
}

#[tokio::test]
async fn the_path_is_a_page_too() {
    let api = Api::start();
    let refused = send(api.request(Method::PUT, "/notifications")).await;
    assert_eq!((refused.status, refused.header("allow")), (405, "GET, HEAD, POST"));
    let refused = send(api.request(Method::GET, "/notifications/events?topic=a")).await;
    assert!(refused.problem().1.contains("this path knows `last_event_id`"), "{refused:?}");
}

/// The next notification on the stream.
async fn next(reader: &mut Reader) -> Notification {
    serde_json::from_str(reader.event_of("notification").await.data()).unwrap()
}

#[tokio::test]
async fn the_server_tells_that_it_has_started_each_time() {
    let data = tempfile::tempdir().unwrap();
    for starts in [1, 2] {
        let server = Server::start_on(data.path(), &["--alerts", "on"]);
        let mut reader = Reader::open(server.url("/notifications/events?last_event_id=earliest")).await;
        for _ in 0..starts {
            let said = next(&mut reader).await;
            assert_eq!((&*said.category, &*said.title), ("system", "Server started"));
            assert_eq!((said.severity, said.source), (Severity::Info, NotificationSource::Server));
            assert!(said.text.starts_with("sse-server 0."), "{}", said.text);
        }
    }
}

#[tokio::test]
async fn a_shortage_is_told_without_anybody_looking_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.toml");
    // No host has all of its memory available.
    let text = "[alerts]\nevery = '200ms'\nmemory_available_percent = 100\n\
                cpu_idle_percent = 'off'\ndisk_available_percent = 'off'";
    std::fs::write(&settings, text).unwrap();
    let server = Server::start(&["--alerts", "on", "--config", settings.to_str().unwrap()]);
    let mut reader = Reader::open(server.url("/notifications/events?last_event_id=earliest")).await;
    assert_eq!(next(&mut reader).await.title, "Server started");
    let said = next(&mut reader).await;
    assert_eq!((said.severity, said.source), (Severity::Critical, NotificationSource::Server));
    assert!(said.title.starts_with("Low memory: ") && said.title.ends_with(" % available"), "{}", said.title);
    let body = notification("after the alert").to_string();
    // Time for several samples more, none of which may say it again.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    send(reqwest::Client::new().post(server.url("/notifications")).body(body)).await;
    assert_eq!(next(&mut reader).await.title, "after the alert");
}

#[tokio::test]
async fn alerts_off_is_silence() {
    let api = Api::start();
    send(api.post("/notifications", notification("the first").to_string())).await;
    let mut reader = Reader::open(api.server.url("/notifications/events?last_event_id=earliest")).await;
    assert_eq!(next(&mut reader).await.title, "the first");
}
