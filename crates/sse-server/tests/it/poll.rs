//! Long-poll: the same cursor as a stream, one answer at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::api::{Api, numbers, send};
use crate::harness::eventually;

/// Less than the default wait, and far more than an answer takes that does not wait.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn answers_at_once_when_there_is_something() {
    let api = Api::start();
    let first = api.publish("a", "0").await;
    api.publish("b", "unwanted").await;
    api.publish("a", "1").await;
    let from = Instant::now();
    let page = api.get(&format!("/poll?topic=a&after={first}")).await;
    assert_eq!(page.data(), ["1"]);
    assert_eq!(api.get("/poll?topic=a&after=earliest&limit=1").await.data(), ["0"]);
    assert!(from.elapsed() < SOON);
}

#[tokio::test]
async fn waits_for_the_next_event_of_its_topics() {
    let api = Arc::new(Api::start());
    let mut after = String::new();
    for _ in 0..2 {
        let waiting = tokio::spawn({
            let (api, path) = (api.clone(), format!("/poll?topic=a/*&topic=c&after={after}"));
            async move { api.get(&path).await }
        });
        // Without an id it has to be there before the event is published.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!waiting.is_finished());
        api.publish("b", "unwanted").await;
        let id = api.publish("a/1", "new").await;
        let page = waiting.await.unwrap();
        assert_eq!((page.data(), page.next()), (vec!["new".to_owned()], id));
        assert_eq!(page.json()["events"][0]["topic"], "a/1");
        after = page.next();
    }
}

#[tokio::test]
async fn times_out_with_the_place_it_has_come_to() {
    let api = Arc::new(Api::start());
    let first = api.publish("a", "old").await;
    let waiting = tokio::spawn({
        let api = api.clone();
        async move { api.get(&format!("/poll?topic=a&after={first}&timeout=600ms")).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let other = api.publish("b", "unwanted").await;
    let page = waiting.await.unwrap();
    assert_eq!(page.json(), json!({ "events": [], "next": other }));
    let from = Instant::now();
    assert_eq!(api.get("/poll?topic=a&timeout=0").await.next(), other);
    assert!(from.elapsed() < SOON);
    assert!(api.get("/poll?topic=a&timeout=1").await.data().is_empty());
    assert!(from.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn polls_in_a_row_get_everything_once() {
    const EVENTS: usize = 300;
    let api = Arc::new(Api::start());
    let mut after = api.get("/poll?topic=a&timeout=0").await.next();
    let publisher = tokio::spawn({
        let api = api.clone();
        async move {
            for n in numbers(EVENTS) {
                api.publish("a", n).await;
                api.publish("b", "unwanted").await;
            }
        }
    });
    let mut seen = Vec::new();
    while seen.len() < EVENTS {
        let page = api.get(&format!("/poll?topic=a&limit=7&after={after}")).await;
        assert_eq!(page.json().get("gap"), None);
        seen.extend(page.data());
        after = page.next();
    }
    assert_eq!(seen, numbers(EVENTS));
    publisher.await.unwrap();
}

#[tokio::test]
async fn tells_of_a_gap_at_once() {
    let api = Api::start();
    let empty = api.get("/poll?topic=a&after=0123456789ab-7").await.json();
    assert_eq!(empty["events"], json!([]));
    assert_eq!(empty["gap"]["reason"], "unknown-id");
    let id = api.publish("a", "0").await;
    let page = api.get("/poll?topic=a&after=nonsense").await;
    assert_eq!(page.data(), ["0"]);
    let gap = json!({ "requested": "nonsense", "first": id, "reason": "unknown-id" });
    assert_eq!(page.json()["gap"], gap);
}

#[tokio::test]
async fn shutdown_answers_all_who_wait() {
    let mut api = Api::start();
    let id = api.publish("a", "0").await;
    let url = api.server.url(&format!("/poll?topic=a&after={id}&timeout=60"));
    let waiting: Vec<_> =
        (0..10).map(|_| tokio::spawn(send(reqwest::Client::new().get(url.clone())))).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    api.server.signal("TERM");
    for answer in waiting {
        assert_eq!(answer.await.unwrap().json(), json!({ "events": [], "next": id }));
    }
    let (status, took) = api.server.ended().await;
    assert!(status.success() && took < Duration::from_secs(2), "{status} after {took:?}");
}

#[tokio::test]
async fn takes_as_many_selectors_as_a_stream() {
    let api = Api::start();
    let selectors = |count| numbers(count).iter().map(|n| format!("&topic=t/{n}")).collect::<String>();
    api.publish("t/99", "x").await;
    let page = api.get(&format!("/poll?after=earliest{}", selectors(100))).await;
    assert_eq!(page.data(), ["x"]);
    for (path, part) in [
        (&*format!("/poll?timeout=0{}", selectors(101)), "at most 100 selectors"),
        ("/poll?timeout=61", "from 0 to 60 seconds"),
        ("/poll?timeout=2m", "from 0 to 60 seconds"),
        ("/poll?timeout=-1", "such as 25, 25s or 500ms, not \"-1\""),
        ("/poll?limit=0", "from 1 to 1000"),
        ("/poll?topic=a%20b", "cannot contain ' '"),
        ("/poll?last_event_id=x", "this path knows `topic`, `after`, `timeout`, `last`, `since`, `limit`"),
    ] {
        let (status, detail) = api.get(path).await.problem();
        assert!(status == 400 && detail.contains(part), "{path}: {status} {detail}");
    }
}

#[tokio::test]
async fn a_reader_that_leaves_is_let_go() {
    let api = Api::start();
    api.publish("a", "0").await;
    let before = api.server.open_files();
    let polls: Vec<_> = (0..10)
        .map(|_| tokio::spawn(send(reqwest::Client::new().get(api.server.url("/poll?topic=a&timeout=60")))))
        .collect();
    eventually("all are waiting", || api.server.open_files() >= before + 10).await;
    polls.iter().for_each(tokio::task::JoinHandle::abort);
    eventually("open files are back", || api.server.open_files() <= before).await;
}
