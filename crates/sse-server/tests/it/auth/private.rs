//! What one may not read does not exist for one, whichever way one asks.

use reqwest::Method;
use serde_json::json;

use super::{Guarded, everything, token};
use crate::api::send;
use crate::harness::Reader;

#[tokio::test]
async fn a_private_topic_is_on_no_path() {
    let guarded = Guarded::start("");
    let first = guarded.publish("open/1", "one").await;
    let secret = guarded.publish("secret/x", "hidden").await;
    guarded.publish("open/2", "two").await;
    let reader = token(&["open/*", "absent"], &[]);

    for path in
        ["/poll?after=earliest", "/poll?topic=*&last=10", &format!("/poll?after={first}&topic=open/*")]
    {
        let page = guarded.get(path, &reader).await;
        assert!(!page.text.contains("hidden") && page.text.contains("two"), "{page:?}");
    }
    for query in ["last_event_id=earliest", "last=10", &format!("last_event_id={first}")] {
        let mut stream = guarded.open(&format!("/events?greeting=off&{query}"), &reader).await;
        stream.until_raw("data: two").await;
        assert!(!String::from_utf8_lossy(&stream.raw).contains("secret"), "{query}");
    }
    // Another's id is a place in the log, and opens nothing.
    let resumed =
        guarded.request(Method::GET, "/events?greeting=off", &reader).header("Last-Event-ID", &secret);
    assert_eq!(Reader::of(resumed).await.event().await.data(), "two");

    let list = guarded.get("/topics", &reader).await.json();
    let names: Vec<&str> =
        list["topics"].as_array().unwrap().iter().map(|topic| topic["topic"].as_str().unwrap()).collect();
    assert_eq!(names, ["open/1", "open/2"]);
    for query in ["prefix=secret", "after=secret", "prefix=secret&order=newest"] {
        assert_eq!(guarded.get(&format!("/topics?{query}"), &reader).await.json(), json!({ "topics": [] }));
    }
    let hub = guarded.get("/hub", &reader).await.json();
    assert_eq!((hub.get("topics"), hub.get("connectionsOpen")), (None, None));
    assert_eq!(guarded.get("/hub", &everything()).await.json()["topics"], 3);
}

#[tokio::test]
async fn what_is_there_is_refused_as_what_is_not() {
    let guarded = Guarded::start("");
    guarded.publish("secret/x", "hidden").await;
    let reader = token(&["open/*"], &["open/*"]);
    for (method, path) in [
        (Method::GET, "/topics/{}"),
        (Method::GET, "/topics/{}?after=nonsense"),
        (Method::GET, "/poll?topic={}"),
        (Method::GET, "/events?topic={}"),
        (Method::GET, "/events?topic=open/1&topic={}"),
        (Method::POST, "/topics/{}"),
        (Method::POST, "/topics/{}?close=true"),
        (Method::DELETE, "/topics/{}"),
    ] {
        let mut answers = Vec::new();
        for topic in ["secret/x", "secret/y"] {
            let request = guarded.request(method.clone(), &path.replace("{}", topic), &reader);
            let (status, detail) = send(request).await.problem();
            assert_eq!(status, 403, "{method} {path}");
            assert!(detail.contains(topic), "{detail}");
            answers.push(detail.replace(topic, ""));
        }
        assert_eq!(answers[0], answers[1], "{method} {path}");
    }
    for path in ["/poll?topic=secret/*", "/events?topic=secret/*", "/events?topic=open"] {
        assert_eq!(guarded.get(path, &reader).await.problem().0, 403, "{path}");
    }
}

#[tokio::test]
async fn a_batch_names_the_line_that_is_refused_and_stores_nothing() {
    let guarded = Guarded::start("");
    let publisher = token(&[], &["orders/*"]);
    let lines = "{\"topic\":\"orders/1\",\"data\":1}\n{\"topic\":\"secret\",\"data\":2}\n";
    let batch = guarded.request(Method::POST, "/topics", &publisher).body(lines);
    let answer = send(batch.header("Content-Type", "application/x-ndjson")).await;
    let (status, detail) = answer.problem();
    assert_eq!((status, answer.json()["line"].as_u64()), (403, Some(2)));
    assert!(detail.starts_with("line 2: the token does not allow publishing to secret"), "{detail}");
    assert_eq!(guarded.get("/topics", &everything()).await.json(), json!({ "topics": [] }));
    let batch = guarded.request(Method::POST, "/topics", &publisher).body(lines.lines().next().unwrap());
    assert_eq!(send(batch.header("Content-Type", "application/x-ndjson")).await.status, 200);
    // To publish is not to read.
    assert_eq!(guarded.get("/topics/orders/1", &publisher).await.problem().0, 403);
}

#[tokio::test]
async fn keys_of_one_sender_repeat_nothing_of_another() {
    let guarded = Guarded::start("");
    let sender = |name: &str| {
        let grants = json!({ "publish": ["*"] });
        super::token_with(&json!({ "exp": super::now() + 60, "sub": name, "sse": grants }))
    };
    for (name, repeated) in [("ann", false), ("ann", true), ("bob", false)] {
        let batch = guarded.request(Method::POST, "/topics?key=1", &sender(name));
        let batch = batch.body("{\"topic\":\"a\",\"data\":1}").header("Content-Type", "application/x-ndjson");
        assert_eq!(send(batch).await.json()["repeated"].as_bool().unwrap_or(false), repeated, "{name}");
    }
}

#[tokio::test]
async fn no_gap_tells_of_what_one_may_not_read() {
    let settings = "[[topic]]\npattern = 'secret/*'\nretention = { count = 1 }\n";
    let guarded = Guarded::start(settings);
    let first = guarded.publish("open/1", "one").await;
    for n in 0..3 {
        guarded.publish("secret/x", &n.to_string()).await;
    }
    guarded.publish("open/1", "two").await;
    let path = format!("/events?greeting=off&last_event_id={first}");
    assert_eq!(guarded.open(&path, &token(&["open/*"], &[])).await.event().await.data(), "two");
    // To one who may read it, it does.
    let mut all = guarded.open(&path, &everything()).await;
    assert_eq!(all.event_of("gap").await.event_type().unwrap().as_str(), "gap");
    for (reader, has_gap) in [(token(&["open/*"], &[]), false), (everything(), true)] {
        let page = guarded.get(&format!("/poll?after={first}"), &reader).await.json();
        assert_eq!(page.get("gap").is_some(), has_gap);
    }
}

#[tokio::test]
async fn the_ticker_shows_and_takes_what_is_granted() {
    let guarded = Guarded::start_with("", &["--apps", "ticker", "--ticker", "off"]);
    let quote = |symbol: &str| format!("{{\"symbol\":\"{symbol}\",\"price\":1}}");
    let some = token(&["ticker/ACME"], &["ticker/ACME"]);
    assert_eq!(guarded.post("/ticker/quotes", &everything(), &quote("OTHER")).await.status, 200);
    assert_eq!(guarded.post("/ticker/quotes", &some, &quote("ACME")).await.status, 200);
    let both = format!("[{},{}]", quote("ACME"), quote("OTHER"));
    assert_eq!(guarded.post("/ticker/quotes", &some, &both).await.problem().0, 403);
    let symbols = guarded.get("/ticker/symbols", &some).await;
    assert!(symbols.text.contains("ACME") && !symbols.text.contains("OTHER"), "{symbols:?}");
    let mut stream = guarded.open("/ticker/events?last_event_id=earliest", &some).await;
    stream.until_raw("event: ACME").await;
    assert!(!String::from_utf8_lossy(&stream.raw).contains("OTHER"));
    assert_eq!(guarded.get("/ticker/events?symbol=OTHER", &some).await.problem().0, 403);
}

#[tokio::test]
async fn the_newest_topics_are_those_that_one_may_read_however_many_others_there_are() {
    let guarded = Guarded::start("");
    for topic in ["mine/1", "mine/2", "mine/3"] {
        guarded.publish(topic, "x").await;
    }
    // More than are looked at one by one, and more events than are remembered as the newest.
    for part in 0..2 {
        let line = |nth: usize| format!("{{\"topic\":\"priv/{part}/{nth}\",\"data\":\"x\"}}\n");
        let lines: String = (0..6000).map(line).collect();
        let batch = guarded.api.batch("/topics", lines).bearer_auth(everything());
        assert_eq!(send(batch).await.status, 200);
    }
    for (granted, newest) in [
        (["mine/*"], ["mine/3", "mine/2", "mine/1"]),
        (["priv/*"], ["priv/1/5999", "priv/1/5998", "priv/1/5997"]),
    ] {
        let list = guarded.get("/topics?order=newest&limit=3", &token(&granted, &[])).await.json();
        let names: Vec<&str> =
            list["topics"].as_array().unwrap().iter().map(|topic| topic["topic"].as_str().unwrap()).collect();
        assert_eq!(names, newest);
    }
}
