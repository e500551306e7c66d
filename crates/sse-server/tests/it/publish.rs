//! Publishing one event: what is kept of the body, what can be said beside it, what is refused.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use reqwest::Method;
use serde_json::json;

use crate::api::{Answer, Api, numbers, send, seq};
use crate::harness::{Reader, Server, event_type_of, id_of};

const MIB: usize = 1 << 20;

fn assert_refused(answer: &Answer, status: u16, part: &str) {
    let (found, detail) = answer.problem();
    assert!(found == status && detail.contains(part), "{status} {part}: {answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn an_event_is_seen_by_stream_history_and_poll() {
    let api = Api::start();
    let mut stream = Reader::open(api.server.url("/events?topic=greetings")).await;
    stream.event().await;
    let form = api.post("/topics/greetings", "hello");
    let answer = send(form.header("Content-Type", "application/x-www-form-urlencoded")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let event = stream.event().await;
    let id = id_of(&event);
    assert_eq!(answer.json(), json!({ "id": id }));
    assert_eq!((event.data(), event_type_of(&event)), ("hello", "message"));
    for path in ["/topics/greetings", "/poll?topic=greetings&after=earliest"] {
        let page = api.get(path).await;
        assert_eq!(page.header("cache-control"), "no-store");
        let event = &page.json()["events"][0];
        assert_eq!((event["id"].as_str(), event["data"].as_str()), (Some(&*id), Some("hello")), "{path}");
    }
}

#[tokio::test]
async fn the_body_is_kept_as_it_is_but_for_line_ends() {
    let api = Api::start();
    let mut stream = Reader::open(api.server.url("/events?topic=a/*")).await;
    stream.event().await;
    let cases = [
        ("", ""),
        ("two\nlines\n", "two\nlines\n"),
        ("a\r\nb\rc", "a\nb\nc"),
        (" { \"a\" : 1 } ", " { \"a\" : 1 } "),
        ("a=b&c=%20+", "a=b&c=%20+"),
        ("\u{feff}Grüße ✓\0", "\u{feff}Grüße ✓\0"),
        ("data: x\nid: 7\n\n", "data: x\nid: 7\n\n"),
    ];
    for (body, data) in cases {
        api.publish("a/b", body).await;
        assert_eq!(stream.event().await.data(), data);
    }
    assert_eq!(api.kept("a/b").await, cases.map(|(_, data)| data));
}

#[tokio::test]
async fn a_body_that_is_not_utf8_is_refused_with_the_place() {
    let api = Api::start();
    assert_refused(&send(api.post("/topics/a", b"ab\xffc".to_vec())).await, 400, "not UTF-8 (byte 2)");
    let compressed = api.post("/topics/a", "x").header("Content-Encoding", "gzip");
    assert_refused(&send(compressed).await, 415, "without Content-Encoding");
    assert!(api.kept("a").await.is_empty());
}

#[tokio::test]
async fn type_and_retry_come_by_parameter_or_header() {
    let api = Api::start();
    let mut stream = Reader::open(api.server.url("/events?topic=a")).await;
    stream.event().await;
    let by_parameter = api.post("/topics/a?event=tick%20tock&retry=1500", "");
    let by_header = api.post("/topics/a", "").header("Event-Type", "tick tock").header("Event-Retry", "1500");
    let by_both = api.post("/topics/a?event=tick%20tock", "").header("Event-Type", "tick tock");
    for request in [by_parameter, by_header, by_both.header("Event-Retry", "1500")] {
        assert_eq!(send(request).await.status, 200);
        let event = stream.event().await;
        assert_eq!(event_type_of(&event), "tick tock");
        assert_eq!(event.retry().unwrap().as_millis(), 1500);
    }
    let kept = &api.get("/topics/a").await.json()["events"][2];
    assert_eq!((&kept["event"], &kept["retry"]), (&json!("tick tock"), &json!(1500)));
    let differ = api.post("/topics/a?event=tick", "").header("Event-Type", "tock");
    assert_refused(&send(differ).await, 400, "parameter `event` and header Event-Type differ");
    let twice = api.post("/topics/a", "").header("Event-Type", "tick").header("Event-Type", "tock");
    assert_refused(&send(twice).await, 400, "give one value");
}

#[tokio::test]
async fn bad_values_are_refused_with_what_to_change() {
    let api = Api::start();
    let long_topic = format!("/topics/{}", "x".repeat(256));
    let long_type = format!("/topics/a?event={}", "x".repeat(256));
    let long_key = format!("/topics/a?key={}", "x".repeat(256));
    for (path, part) in [
        ("/topics/a?event=", "cannot be empty"),
        ("/topics/a?event=a%0Ab", "line end (byte 1)"),
        ("/topics/a?event=gap", "the server's own"),
        (&long_type, "at most 255 bytes"),
        ("/topics/a?retry=1.5", "in milliseconds, from 0 to 86400000"),
        ("/topics/a?retry=86400001", "in milliseconds"),
        ("/topics/a?key=", "1 to 255 visible ASCII"),
        ("/topics/a?key=a%20b", "1 to 255 visible ASCII"),
        (&long_key, "1 to 255 visible ASCII"),
        ("/topics/a?id=1", "this path knows `event`, `retry`, `ttl`, `key`, `close`"),
        ("/topics/a?key=1&key=1", "`key` is there twice"),
        ("/topics/", "cannot be empty"),
        ("/topics/a//b", "segment \"\""),
        ("/topics/a%20b", "cannot contain ' ' (byte 1)"),
        ("/topics/a%252Fb", "cannot contain '%' (byte 1)"),
        ("/topics/*", "cannot contain '*'"),
        (&long_topic, "at most 255 bytes"),
    ] {
        assert_refused(&send(api.post(path, "x")).await, 400, part);
    }
    assert!(api.kept("a").await.is_empty());
}

#[tokio::test]
async fn slashes_and_escapes_in_a_topic_mean_the_same() {
    let api = Api::start();
    for path in ["a/b@c:d/e", "a%2Fb%40c%3Ad/e", "a%2fb@c:d%2Fe"] {
        api.publish(path, "x").await;
        assert_eq!(api.get(&format!("/topics/{path}")).await.json()["events"][0]["topic"], "a/b@c:d/e");
    }
    assert_eq!(api.kept("a/b@c:d/e").await.len(), 3);
}

#[tokio::test]
async fn a_key_stores_an_event_once() {
    let api = Api::start();
    let keyed = |topic: &str, data: &'static str| {
        send(api.post(&format!("/topics/{topic}"), data).header("Idempotency-Key", "7f3a"))
    };
    let first = keyed("a", "first").await.json();
    let id = first["id"].as_str().unwrap();
    assert_eq!(first, json!({ "id": id }));
    assert_eq!(keyed("a", "again").await.json(), json!({ "id": id, "repeated": true }));
    let by_parameter = send(api.post("/topics/a?key=7f3a", "again")).await.json();
    assert_eq!(by_parameter, json!({ "id": id, "repeated": true }));
    assert_eq!(api.kept("a").await, ["first"]);
    assert_eq!(keyed("b", "other topic").await.json().get("repeated"), None);
    assert_eq!(api.kept("b").await, ["other topic"]);
}

#[tokio::test]
async fn an_event_has_at_most_one_mebibyte() {
    let api = Api::start();
    api.publish("a", "x".repeat(MIB)).await;
    let part = "an event has at most 1048576 bytes";
    assert_refused(&send(api.post("/topics/a", "x".repeat(MIB + 1))).await, 413, part);
    assert_refused(&send(api.post("/topics/a", "x".repeat(20 * MIB))).await, 413, part);
    let pieces = (0..1025).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 1024]));
    let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    assert_refused(&send(api.post("/topics/a", chunked)).await, 413, part);
    assert_eq!(api.kept("a").await.len(), 1);
}

#[tokio::test]
async fn half_a_body_is_no_event() {
    let api = Api::start();
    let address = api.server.base.strip_prefix("http://").unwrap();
    for head in ["Content-Length: 10\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"] {
        let mut socket = TcpStream::connect(address).unwrap();
        write!(socket, "POST /topics/a HTTP/1.1\r\nHost: localhost\r\n{head}").unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        // Whatever is said, the end of the connection comes after it.
        let _ = socket.read_to_end(&mut Vec::new());
    }
    assert!(api.kept("a").await.is_empty());
}

#[tokio::test]
async fn other_methods_are_refused_by_name() {
    let api = Api::start();
    for (method, path, allow) in [
        (Method::PUT, "/topics/a", "GET, HEAD, POST, DELETE"),
        (Method::DELETE, "/topics", "GET, HEAD, POST"),
        (Method::POST, "/poll", "GET"),
        (Method::HEAD, "/events", "GET"),
        (Method::OPTIONS, "/openapi.json", "GET, HEAD"),
    ] {
        let answer = send(api.request(method.clone(), path)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, allow), "{method} {path}");
    }
    let head = send(api.request(Method::HEAD, "/topics/a")).await;
    assert_eq!((head.status, &*head.text), (200, ""));
    assert!(head.header("content-length").parse::<usize>().unwrap() > 0);
}

#[tokio::test]
async fn many_publishers_at_once_make_one_order_for_all_readers() {
    const PUBLISHERS: usize = 20;
    const EVENTS: usize = 25;
    let api = std::sync::Arc::new(Api::start());
    let mut readers = Vec::new();
    for _ in 0..5 {
        let mut reader = Reader::open(api.server.url("/events?topic=p/*")).await;
        reader.event().await;
        readers.push(reader);
    }
    let mut publishers = tokio::task::JoinSet::new();
    for nth in 0..PUBLISHERS {
        let api = api.clone();
        publishers.spawn(async move {
            let mut ids = Vec::new();
            for n in numbers(EVENTS) {
                ids.push(api.publish(&format!("p/{nth}"), format!("{nth} {n}")).await);
            }
            ids
        });
    }
    let mut acknowledged: Vec<String> = publishers.join_all().await.concat();
    acknowledged.sort_by_key(|id| seq(id));
    for reader in &mut readers {
        let mut by_publisher = vec![Vec::new(); PUBLISHERS];
        for id in &acknowledged {
            let event = reader.event().await;
            assert_eq!(&id_of(&event), id);
            let (nth, n) = event.data().split_once(' ').unwrap();
            by_publisher[nth.parse::<usize>().unwrap()].push(n.to_owned());
        }
        assert!(by_publisher.iter().all(|seen| *seen == numbers(EVENTS)));
    }
}

#[tokio::test]
async fn a_key_of_the_chat_is_not_a_key_of_the_rooms_topic() {
    let data = tempfile::tempdir().unwrap();
    let mut bare = Api::of(Server::start_on(data.path(), &["--apps", "none"]));
    bare.publish("chat/lobby?key=k", "raw").await;
    bare.server.signal("TERM");
    bare.server.ended().await;
    let api = Api::of(Server::start_on(data.path(), &["--apps", "chat"]));
    let posted = send(api.post("/chat/messages?key=k", r#"{"username":"ann","text":"hello"}"#)).await.json();
    assert_eq!(posted.get("repeated"), None, "{posted}");
    assert_eq!(api.kept("chat/lobby").await.len(), 2);
}
