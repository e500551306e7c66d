//! What is kept of a topic, page by page, and the list of topics.

use serde_json::json;

use crate::api::{Api, numbers, send};
use crate::harness::Server;

fn batch(count: usize) -> String {
    numbers(count).iter().map(|n| format!("{{\"data\":{n}}}\n")).collect()
}

#[tokio::test]
async fn pages_follow_each_other_without_loss_or_repeat() {
    let api = Api::start();
    send(api.batch("/topics/a", batch(250))).await;
    api.publish("b", "unwanted").await;
    let mut seen = Vec::new();
    let mut page = api.get("/topics/a").await;
    assert_eq!(page.data().len(), 100, "the default");
    while !page.data().is_empty() {
        seen.extend(page.data());
        page = api.get(&format!("/topics/a?limit=70&after={}", page.next())).await;
    }
    assert_eq!(seen, numbers(250));
    let end = page.next();
    api.publish("a", "later").await;
    assert_eq!(api.get(&format!("/topics/a?after={end}")).await.data(), ["later"]);
    assert_eq!(api.get("/topics/a?after=earliest&limit=1").await.data(), ["0"]);
    assert_eq!(api.get("/topics/a?after=&limit=1").await.data(), ["0"]);
}

#[tokio::test]
async fn a_page_can_start_near_the_end_or_at_a_time() {
    let api = Api::start();
    send(api.batch("/topics/a", batch(20))).await;
    api.publish("b", "unwanted").await;
    assert_eq!(api.get("/topics/a?last=2").await.data(), ["18", "19"]);
    assert_eq!(api.get("/topics/a?last=99&limit=1").await.data(), ["0"]);
    assert_eq!(api.get("/poll?topic=a&topic=b&last=2").await.data(), ["19", "unwanted"]);
    assert_eq!(api.get("/topics/a?since=2020-01-01T00:00:00%2B02:00&limit=1").await.data(), ["0"]);
    assert_eq!(api.get("/topics/a?since=2999-01-01T00:00:00Z").await.data(), [""; 0]);
}

#[tokio::test]
async fn a_page_ends_after_256_kibibytes() {
    let api = Api::start();
    for n in 0..6 {
        api.publish("a", n.to_string().repeat(64 << 10)).await;
    }
    let page = api.get("/topics/a").await;
    assert_eq!(page.data().len(), 4);
    assert_eq!(api.get(&format!("/topics/a?after={}", page.next())).await.data().len(), 2);
}

#[tokio::test]
async fn an_unknown_id_gives_a_gap_and_all_that_is_kept() {
    let api = Api::start();
    let first = api.publish("a", "0").await;
    for unknown in ["0123456789ab-1", "nonsense"] {
        let page = api.get(&format!("/topics/a?after={unknown}")).await;
        assert_eq!(page.data(), ["0"]);
        let gap = json!({ "requested": unknown, "first": first, "reason": "unknown-id" });
        assert_eq!(page.json()["gap"], gap);
        let next = api.get(&format!("/topics/a?after={}", page.next())).await.json();
        assert_eq!((&next["events"], next.get("gap")), (&json!([]), None));
    }
    let past_the_end = first.replace("-1", "-99");
    let page = api.get(&format!("/topics/a?after={past_the_end}")).await.json();
    assert_eq!(page["gap"], json!({ "requested": past_the_end, "first": first, "reason": "lost" }));
    assert_eq!((&page["events"], &page["next"]), (&json!([]), &json!(first)), "it goes on at the end");
}

#[tokio::test]
async fn an_expired_id_gives_a_gap_and_only_when_something_is_missing() {
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), "[[topic]]\npattern = 'short'\nretention = { count = 300 }").unwrap();
    let api = Api::of(Server::start(&["--config", config.path().to_str().unwrap()]));
    let before = api.publish("a", "kept").await;
    send(api.batch("/topics/short", batch(310))).await;
    let page = api.get(&format!("/topics/short?after={before}")).await;
    let first = page.json()["events"][0]["id"].clone();
    assert_eq!(page.json()["gap"], json!({ "requested": before, "first": first, "reason": "expired" }));
    let rest = api.get(&format!("/topics/short?after={}", page.next())).await;
    assert_eq!(rest.json().get("gap"), None);
    assert_eq!([page.data(), rest.data()].concat()[..], numbers(310)[10..210]);
    assert_eq!(
        api.get("/topics/short").await.json().get("gap"),
        None,
        "earliest asks for nothing that is gone"
    );
    assert_eq!(api.get(&format!("/topics/a?after={before}")).await.json().get("gap"), None);
}

#[tokio::test]
async fn events_have_all_their_fields() {
    let api = Api::start();
    let id = send(api.post("/topics/a/b?event=tick&retry=7", "x")).await.json()["id"].clone();
    let page = api.get("/topics/a/b").await.json();
    let event = &page["events"][0];
    let time = event["time"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    let expected =
        json!({ "id": id, "topic": "a/b", "event": "tick", "data": "x", "time": time, "retry": 7 });
    assert_eq!(*event, expected);
    assert_eq!(page["next"], id);
}

#[tokio::test]
async fn a_topic_without_events_is_empty_and_bad_wishes_are_refused() {
    let api = Api::start();
    let empty = api.get("/topics/never/used").await;
    assert_eq!((empty.status, empty.data().len()), (200, 0));
    for (path, part) in [
        ("/topics/a?limit=0", "from 1 to 1000"),
        ("/topics/a?limit=1001", "from 1 to 1000"),
        ("/topics/a?limit=many", "from 1 to 1000, not \"many\""),
        ("/topics/a?topic=b", "this path knows `after`, `last`, `since`, `limit`"),
        ("/topics/a?limit=1&limit=2", "`limit` is there twice"),
        ("/topics/a%20b", "cannot contain ' '"),
        ("/topics?topic=a", "this path knows `prefix`, `after`, `order`, `limit`"),
        ("/topics?after=a%20b", "after: a topic name cannot contain"),
        ("/topics?after=a&order=newest", "`after` goes by name"),
    ] {
        let (status, detail) = api.get(path).await.problem();
        assert!(status == 400 && detail.contains(part), "{path}: {status} {detail}");
    }
}

#[tokio::test]
async fn topics_are_listed_with_what_is_kept_and_how() {
    let api = Api::start();
    let oldest = api.publish("news/eu", "hello").await;
    let newest = api.publish("news/eu", "again").await;
    let list = api.get("/topics").await.json();
    let topics = list["topics"].as_array().unwrap();
    let news = topics.iter().find(|topic| topic["topic"] == "news/eu").unwrap();
    assert_eq!(
        (&news["count"], &news["oldest"], &news["newest"]),
        (&json!(2), &json!(oldest), &json!(newest))
    );
    assert!(news["bytes"].as_u64().unwrap() > 10);
    let policy = json!({
        "durability": "disk",
        "retention": { "count": 100_000, "ageSeconds": 604_800, "bytes": 268_435_456 },
        "slowConsumer": "disconnect",
        "lastValue": false,
        "idleSeconds": null,
        // The names before this release.
        "retain": { "count": 100_000, "ageSeconds": 604_800, "bytes": 268_435_456 },
        "slowReader": "cut",
    });
    assert_eq!(news["policy"], policy);
    api.publish("news/asia", "hello").await;
    for (order, expected) in
        [("order=name", ["news/asia", "news/eu"]), ("order=newest", ["news/asia", "news/eu"])]
    {
        let list = api.get(&format!("/topics?{order}&limit=2")).await.json();
        let names: Vec<_> = list["topics"].as_array().unwrap().iter().map(|topic| &topic["topic"]).collect();
        assert_eq!(names, expected, "{order}");
    }
    let first = api.get("/topics?limit=1").await.json();
    assert_eq!(first["topics"].as_array().unwrap().len(), 1);
    api.publish("news/eu", "once more").await;
    let newest = api.get("/topics?order=newest&limit=1").await.json();
    assert_eq!(newest["topics"][0]["topic"], "news/eu");
    assert!(api.get("/topics?order=oldest").await.problem().1.contains("order is name or newest"));
}

#[tokio::test]
async fn a_long_list_of_topics_comes_in_parts() {
    let api = Api::start();
    let names: Vec<String> = (0..1234).map(|nth| format!("list/{nth:04}")).collect();
    let line = |name: &String| format!("{{\"topic\":\"{name}\",\"data\":\"\"}}\n");
    let lines: String = names.iter().map(line).collect();
    assert_eq!(send(api.batch("/topics", lines + "{\"topic\":\"zoo\",\"data\":\"\"}")).await.status, 200);
    let (mut listed, mut after) = (Vec::new(), String::new());
    loop {
        let list = api.get(&format!("/topics?prefix=list/&limit=600{after}")).await.json();
        let topics = list["topics"].as_array().unwrap();
        listed.extend(topics.iter().map(|topic| topic["topic"].as_str().unwrap().to_owned()));
        let Some(next) = list["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(listed, names);
    let newest = api.get("/topics?prefix=list/&order=newest&limit=2").await.json();
    assert_eq!((&newest["topics"][0]["topic"], &newest["next"]), (&json!("list/1233"), &json!(null)));
}
