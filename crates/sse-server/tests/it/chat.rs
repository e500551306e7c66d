//! The chat: what is said, what is refused, what a restart leaves.

mod presence;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sse_core::Event;
use sse_core::payload::ChatMessage;

use crate::api::{Answer, Api, send};
use crate::harness::{DEADLINE, Reader, Server, event_type_of, id_of};

/// Longer than any test: whoever has gone is still there.
const LONG_GRACE: &[&str] = &["--chat-grace", "1m"];
const NO_GRACE: &[&str] = &["--chat-grace", "0s"];

fn start(args: &[&str]) -> Api {
    Api::of(Server::start(args))
}

fn start_on(data: &Path, args: &[&str]) -> Api {
    Api::of(Server::start_on(data, args))
}

impl Api {
    async fn say(&self, message: Value) -> Answer {
        send(self.post("/chat/messages", message.to_string())).await
    }

    /// Says it and gives the answer's JSON.
    async fn said(&self, message: Value) -> Value {
        let answer = self.say(message).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    async fn presence(&self, presence: Value) -> Answer {
        send(self.post("/chat/presence", presence.to_string())).await
    }

    async fn enter(&self, username: &str, client: &str) -> Value {
        let answer = self.presence(json!({ "username": username, "client": client })).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    async fn leave(&self, username: &str, client: &str) {
        let answer = self.presence(json!({ "username": username, "client": client, "leaving": true })).await;
        assert_eq!((answer.status, &*answer.text), (204, ""));
    }

    async fn users(&self, room: &str) -> Value {
        self.get(&format!("/chat/users?room={room}")).await.json()["users"].clone()
    }

    async fn room(&self, query: &str) -> Reader {
        let mut reader = Reader::open(self.server.url(&format!("/chat/events{query}"))).await;
        reader.event_of("connected").await;
        reader
    }
}

/// The event's type, and who or what it is about.
fn seen(event: &Event) -> (String, String) {
    let data: Value = serde_json::from_str(event.data()).unwrap();
    let about = data.get("text").unwrap_or(&data["username"]);
    (event_type_of(event).to_owned(), about.as_str().unwrap().to_owned())
}

fn pair(event_type: &str, about: &str) -> (String, String) {
    (event_type.to_owned(), about.to_owned())
}

#[tokio::test]
async fn a_message_reaches_its_room_with_its_four_fields() {
    let api = start(&[]);
    let mut lobby = Reader::open(api.server.url("/chat/events")).await;
    let connected = lobby.event().await;
    assert_eq!(event_type_of(&connected), "connected");
    assert_eq!(connected.data(), "{\"message\":\"Connected to chat room lobby\"}");
    let mut other = api.room("?room=other").await;
    let markup = "<script>alert(1)</script>\r\n<img src=x onerror=alert(1)>";
    let said = api.said(json!({ "username": " Ann \u{a0} B ", "text": markup })).await;
    let event = lobby.event().await;
    assert_eq!(event_type_of(&event), "newMessage");
    assert_eq!(said, json!({ "id": said["id"], "eventId": id_of(&event) }));
    let fields: Value = serde_json::from_str(event.data()).unwrap();
    let names: BTreeSet<&str> = fields.as_object().unwrap().keys().map(|name| &**name).collect();
    assert_eq!(names, BTreeSet::from(["id", "text", "time", "username"]));
    let message: ChatMessage = serde_json::from_value(fields).unwrap();
    assert_eq!((&*message.username, &*message.text), ("Ann B", &*markup.replace("\r\n", "\n")));
    assert_eq!(said["id"], message.id);
    assert!(message.time.ends_with('Z') && message.time.len() == 24, "{}", message.time);
    assert_eq!(api.kept("chat/lobby").await, [event.data()]);

    api.said(json!({ "username": "ann", "text": "elsewhere", "room": "other" })).await;
    assert_eq!(seen(&other.event().await), pair("newMessage", "elsewhere"));
}

#[tokio::test]
async fn a_room_opens_with_its_newest_events() {
    let api = start(&[]);
    for text in ["one", "two", "three"] {
        api.said(json!({ "username": "ann", "text": text })).await;
    }
    let mut reader = api.room("?last=2").await;
    for text in ["two", "three"] {
        assert_eq!(seen(&reader.event().await).1, text);
    }
}

#[tokio::test]
async fn a_key_is_the_messages_id_and_says_it_once() {
    let api = start(&[]);
    let message = json!({ "username": "ann", "text": "once" });
    let body = || message.to_string();
    let first = send(api.post("/chat/messages", body()).header("Idempotency-Key", "k-1")).await.json();
    assert_eq!(first["id"], "k-1");
    let again = json!({ "id": "k-1", "eventId": first["eventId"], "repeated": true });
    assert_eq!(send(api.post("/chat/messages?key=k-1", body())).await.json(), again);
    let keyed = json!({ "username": "ann", "text": "once", "key": "k-1" });
    assert_eq!(api.said(keyed.clone()).await, again);
    assert_eq!(api.kept("chat/lobby").await.len(), 1);
    let differ = api.post("/chat/messages?key=k-2", keyed.to_string());
    let (status, detail) = send(differ).await.problem();
    assert!(status == 400 && detail.contains("key of the body and that of the request differ"), "{detail}");
    let elsewhere = json!({ "username": "ann", "text": "once", "key": "k-1", "room": "other" });
    assert_eq!(api.said(elsewhere).await.get("repeated"), None);
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_its_field() {
    let api = start(&[]);
    let with = |field: &str, value: Value| {
        let mut message = json!({ "username": "ann", "text": "hello", "client": "c" });
        let unfit = if matches!(field, "client" | "leaseSeconds" | "leaving") { "text" } else { "client" };
        message.as_object_mut().unwrap().remove(unfit);
        message[field] = value;
        message
    };
    for (path, field, value, part) in [
        ("messages", "username", json!(" \u{200b}"), "nothing in it can be seen"),
        ("messages", "username", json!("x".repeat(41)), "at most 40 characters, this one has 41"),
        ("messages", "username", json!("a\u{0}b"), "control character U+0000"),
        ("messages", "username", json!("a\u{202e}b"), "control character U+202E"),
        ("messages", "text", json!(""), "text is empty"),
        ("messages", "text", json!("x".repeat(2001)), "at most 2000 characters, this one has 2001"),
        ("messages", "text", json!("a\u{8}b"), "control character U+0008"),
        ("messages", "room", json!("<img src=x onerror=alert(1)>"), "cannot contain '<' (byte 0)"),
        ("messages", "room", json!("a/b"), "has no `/`"),
        ("messages", "room", json!("x".repeat(65)), "at most 64 bytes"),
        ("messages", "key", json!("a b"), "1 to 255 visible ASCII characters"),
        ("presence", "client", json!(""), "1 to 64 visible ASCII characters"),
        ("presence", "leaseSeconds", json!(0), "from 1 to 300"),
        ("presence", "leaseSeconds", json!(301), "from 1 to 300"),
        ("presence", "leaseSeconds", json!("9"), "expected a JSON number"),
        ("presence", "leaving", json!(1), "leaving: invalid type: integer `1`, expected a boolean"),
        ("messages", "username", json!(null), "username is missing"),
        ("messages", "text", json!(1), "text: invalid type: integer `1`, expected a string"),
        ("messages", "html", json!(1), "unknown field `html`, expected one of `username`"),
    ] {
        let mut body = with(field, value);
        if path == "presence" {
            body["client"].is_null().then(|| body["client"] = json!("c"));
        }
        let answer = send(api.post(&format!("/chat/{path}"), body.to_string())).await;
        assert_eq!((answer.status, answer.header("content-type")), (400, "application/problem+json"));
        let problem = answer.json();
        assert_eq!(problem["field"], field, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(part), "{problem}");
    }
    for (path, body, status, part) in [
        ("messages", "hello".to_owned(), 400, "one JSON object such as {\"username\""),
        ("messages", with("text", json!("x".repeat(40_000))).to_string(), 413, "at most 32768 bytes"),
        ("presence", "{\"username\":\"a\"}".to_owned(), 400, "client is missing; add it"),
        ("presence?room=a", "{}".to_owned(), 400, "takes none"),
    ] {
        let (found, detail) = send(api.post(&format!("/chat/{path}"), body)).await.problem();
        assert!(found == status && detail.contains(part), "{status} {part}: {detail}");
    }
    for path in ["/chat/events?room=a%20b", "/chat/users?room=a%20b", "/chat/events?username=%07"] {
        assert_eq!(api.get(path).await.problem().0, 400, "{path}");
    }
    assert!(
        api.get("/topics").await.json()["topics"]
            .as_array()
            .unwrap()
            .iter()
            .all(|topic| { !topic["topic"].as_str().unwrap().starts_with("chat/") })
    );
}

#[tokio::test]
async fn the_longest_message_is_taken_however_it_is_escaped() {
    let api = start(&[]);
    let escaped = |count: usize| "\\ud83d\\udc4b".repeat(count);
    let body = format!(r#"{{"username":"{}","text":"{}"}}"#, escaped(40), escaped(2000));
    assert_eq!(send(api.post("/chat/messages", body)).await.status, 200);
    let kept = api.kept("chat/lobby").await;
    let message: ChatMessage = serde_json::from_str(&kept[0]).unwrap();
    assert_eq!((message.username, message.text), ("👋".repeat(40), "👋".repeat(2000)));
}

#[tokio::test]
async fn who_speaks_too_fast_is_told_how_long_to_wait() {
    let api = start(&[]);
    let mut refused = None;
    // On a slow machine an allowance comes back between two messages.
    for n in 0..100 {
        let answer = api.say(json!({ "username": "ann", "text": format!("{n}") })).await;
        if answer.status != 200 {
            assert!(n >= 5, "refused after {n}");
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("somebody who says 100 things at once is refused");
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"));
    assert_eq!(refused.problem().1, "rate limit exceeded; retry in 1 s");
    api.said(json!({ "username": "bob", "text": "others go on" })).await;
    let from = std::time::Instant::now();
    while api.say(json!({ "username": "ann", "text": "later" })).await.status != 200 {
        assert!(from.elapsed() < DEADLINE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_restart_keeps_what_was_said_and_who_was_there() {
    let data = tempfile::tempdir().unwrap();
    let mut names = Vec::new();
    for (nth, signal) in ["TERM", "KILL"].into_iter().enumerate() {
        let mut api = start_on(data.path(), NO_GRACE);
        let name = format!("user{nth}");
        api.enter(&name, "1").await;
        names.push(name.clone());
        // The stream tells that the arrival is in the log.
        let mut room = api.room("?last=100").await;
        while seen(&room.event().await) != pair("userConnected", &name) {}
        let text = format!("before {signal}");
        api.said(json!({ "username": name, "text": text, "key": signal })).await;
        api.server.signal(signal);
        api.server.ended().await;

        let api = start_on(data.path(), NO_GRACE);
        assert_eq!(api.users("lobby").await, json!(names));
        let repeated = api.said(json!({ "username": name, "text": text, "key": signal })).await;
        assert_eq!(repeated["repeated"], true);
        for name in &names {
            api.enter(name, "1").await;
        }
        api.said(json!({ "username": name, "text": format!("after {signal}") })).await;
        let mut room = api.room("?last=2").await;
        assert_eq!(seen(&room.event().await), pair("newMessage", &format!("before {signal}")));
        assert_eq!(seen(&room.event().await), pair("newMessage", &format!("after {signal}")));
    }
    let api = start_on(data.path(), NO_GRACE);
    assert_eq!(api.kept("chat/lobby").await.len(), 6, "two arrivals, four messages");
}

#[tokio::test]
async fn rooms_have_topics_however_many_others_there_are() {
    let settings = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(settings.path(), "[limits]\ntopics = 10_000").unwrap();
    let api = start(&["--chat-grace", "0s", "--config", settings.path().to_str().unwrap()]);
    let mut lobby = api.room("").await;
    api.enter("ann", "1").await;
    assert_eq!(seen(&lobby.event().await), pair("userConnected", "ann"));
    let line = |n: usize| format!("{{\"topic\":\"t{n}\",\"data\":\"\"}}\n");
    assert_eq!(send(api.batch("/topics", (0..7_900).map(line).collect::<String>())).await.status, 200);
    let mut more = 7_900..;
    while send(api.batch("/topics", line(more.next().unwrap()))).await.status == 200 {}
    for n in 0..10 {
        let presence = json!({ "username": "zed", "client": "1", "room": format!("r{n}") });
        assert_eq!(api.presence(presence).await.status, 200);
    }
    let message = json!({ "username": "zed", "room": "r10", "text": "x" }).to_string();
    assert_eq!(send(api.post("/chat/messages", message)).await.status, 200, "the topic of a new room");
    api.enter("bob", "1").await;
    assert_eq!(seen(&lobby.event().await), pair("userConnected", "bob"));
}

#[tokio::test]
async fn there_are_at_most_a_thousand_rooms() {
    let data = tempfile::tempdir().unwrap();
    let mut bare = Api::of(Server::start_on(data.path(), &["--apps", "none"]));
    let line = |n: usize| format!("{{\"topic\":\"chat/r{n}\",\"data\":\"\"}}\n");
    let lines: String = (0..1000).map(line).collect();
    assert_eq!(send(bare.batch("/topics", lines)).await.status, 200);
    bare.server.signal("TERM");
    bare.server.ended().await;
    let api = start_on(data.path(), &[]);
    for path in ["messages", "presence"] {
        let extra = if path == "messages" { ("text", "x") } else { ("client", "c") };
        let body = |room: &str| json!({ "username": "ann", "room": room, extra.0: extra.1 }).to_string();
        let (status, detail) = send(api.post(&format!("/chat/{path}"), body("new"))).await.problem();
        assert!(status == 409 && detail.contains("there are 1000 rooms"), "{status} {detail}");
        for room in ["r7", "lobby"] {
            assert_eq!(send(api.post(&format!("/chat/{path}"), body(room))).await.status, 200, "{room}");
        }
    }
    let events =
        |query: &str| send(api.request(Method::GET, &format!("/chat/events?room=new&username=ann{query}")));
    assert_eq!(events("&strict=1").await.status, 409);
    let sent_away = events("").await;
    assert!(sent_away.status == 200 && sent_away.text.contains(": there are 1000 rooms"), "{sent_away:?}");
}
