//! Batches: all or nothing, in order; refusals name the line.

use serde_json::json;

use crate::api::{Api, send, seq};
use crate::harness::{Reader, event_type_of};

#[tokio::test]
async fn a_batch_is_stored_in_order_with_ids_that_follow_each_other() {
    let api = Api::start();
    let mut stream = Reader::open(api.server.url("/events?topic=a")).await;
    stream.event().await;
    let lines = concat!(
        "{\"data\":\"text\\nof two lines\",\"event\":\"tick\",\"retry\":1500}\r\n",
        "\n",
        "{\"data\": {\"b\": 1.0, \"a\": []}, \"event\": null}\n",
        "{\"data\":true}",
    );
    let answer = send(api.batch("/topics/a", lines)).await.json();
    assert_eq!(answer["count"], 3);
    let [first, last] = ["first", "last"].map(|end| seq(answer["ids"][end].as_str().unwrap()));
    assert_eq!(last - first, 2);
    let event = stream.event().await;
    assert_eq!((event.data(), event_type_of(&event)), ("text\nof two lines", "tick"));
    assert_eq!(event.retry().unwrap().as_millis(), 1500);
    assert_eq!(stream.event().await.data(), "{\"b\": 1.0, \"a\": []}");
    assert_eq!(stream.event().await.data(), "true");
}

#[tokio::test]
async fn a_batch_with_a_bad_line_stores_nothing_and_names_the_line() {
    let api = Api::start();
    for (line, part) in [
        (
            "{\"data\":1,\"evnt\":\"x\"}",
            "unknown field `evnt`, expected one of `data`, `event`, `retry`, `ttl`, `topic`",
        ),
        ("{\"event\":\"x\"}", "missing field `data`"),
        ("{\"data\":1,\"event\":5}", "expected a string (column "),
        ("{\"data\":1,\"retry\":-1}", "retry is in milliseconds, from 0 to 86400000"),
        ("{\"data\":1,\"topic\":\"b\"}", "the topic is in the path"),
        ("[1]", "expected an object, not an array"),
        ("{\"data\":", "EOF"),
    ] {
        let batch = format!("{{\"data\":1}}\n{{\"data\":2}}\n{line}\n{{\"data\":4}}\n");
        let answer = send(api.batch("/topics/a", batch)).await;
        let (status, detail) = answer.problem();
        assert!(status == 400 && detail.starts_with("line 3: ") && detail.contains(part), "{line}: {detail}");
        assert_eq!(answer.json()["line"], 3);
    }
    assert!(api.kept("a").await.is_empty());
}

#[tokio::test]
async fn batches_have_limits() {
    let api = Api::start();
    let most = send(api.batch("/topics/a", "{\"data\":1}\n".repeat(10_000))).await.json();
    assert_eq!(most["count"], 10_000);
    let large = format!("{{\"data\":1}}\n{{\"data\":\"{}\"}}", "x".repeat((1 << 20) + 1));
    let blank = " ".repeat((16 << 20) + 1);
    for (batch, status, part) in [
        (
            "{\"data\":1}\n".repeat(10_001),
            413,
            "at most 10000 events; nothing was stored: split it before line 10001",
        ),
        (large, 413, "line 2: data has at most 1048576 bytes, this has 1048577"),
        (blank, 413, "a batch has at most 16777216 bytes"),
        ("\n \n".into(), 400, "the batch is empty"),
    ] {
        let (found, detail) = send(api.batch("/topics/b", batch)).await.problem();
        assert!(found == status && detail.contains(part), "{part}: {found} {detail}");
    }
    for path in ["/topics/b?event=x", "/topics/b?retry=1"] {
        let (status, detail) = send(api.batch(path, "{\"data\":1}")).await.problem();
        assert!(status == 400 && detail.contains("a batch says `"), "{path}: {detail}");
    }
    assert!(api.kept("b").await.is_empty());
}

#[tokio::test]
async fn a_batch_can_go_to_several_topics() {
    let api = Api::start();
    let mut stream = Reader::open(api.server.url("/events?topic=x&topic=y/z")).await;
    stream.event().await;
    let lines =
        "{\"topic\":\"x\",\"data\":1}\n{\"topic\":\"y/z\",\"data\":2}\n{\"topic\":\"x\",\"data\":3}\n";
    for content_type in ["application/x-ndjson; charset=utf-8", "application/jsonl", "Application/NDJSON"] {
        let answer = send(api.post("/topics", lines).header("Content-Type", content_type)).await;
        assert_eq!(answer.json()["count"], 3, "{content_type}");
        for data in ["1", "2", "3"] {
            assert_eq!(stream.event().await.data(), data);
        }
    }
    assert_eq!(api.kept("y/z").await, ["2", "2", "2"]);
    for (line, part) in [
        ("{\"data\":1}", "line 1: missing field `topic`; add it, or use /topics/{topic}"),
        ("{\"data\":1,\"topic\":\"a b\"}", "line 1: topic: a topic name cannot contain ' '"),
    ] {
        let (status, detail) = send(api.batch("/topics", line)).await.problem();
        assert!(status == 400 && detail.starts_with(part), "{detail}");
    }
    let (status, detail) = send(api.post("/topics", "hello")).await.problem();
    assert!(status == 415 && detail.contains("application/x-ndjson"), "{detail}");
}

#[tokio::test]
async fn a_key_stores_a_batch_once() {
    let api = Api::start();
    let lines = "{\"data\":1}\n{\"data\":2}\n";
    let first = send(api.batch("/topics/a?key=k", lines)).await.json();
    let again = send(api.batch("/topics/a?key=k", lines)).await.json();
    assert_eq!(again, json!({ "ids": first["ids"], "count": 2, "repeated": true }));
    assert_eq!(api.kept("a").await, ["1", "2"]);
}
