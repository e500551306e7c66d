//! For random grants, selectors and starts: what a reader gets on subscribe, replay, poll and history is the log, filtered by
//! grant and selectors.

use reqwest::Method;
use serde_json::json;
use sse_core::{Selector, Topic};

use super::{Guarded, everything, now, token, token_with};
use crate::api::{Answer, send, seq};
use crate::harness::id_of;

const CASES: usize = 60;
const TOPICS: [&str; 8] = ["a", "a/b", "a/b/c", "a/c", "ab/c", "b", "b/a", "c/a/b"];
const SELECTORS: [&str; 14] =
    ["*", "a/*", "a/b/*", "ab/*", "b/*", "c/*", "a", "a/b", "a/b/c", "a/c", "ab/c", "b", "b/a", "c/a/b"];

/// An event of the log.
struct Logged {
    topic: &'static str,
    seq: u64,
}

fn some_selectors(random: &mut fastrand::Rng) -> Vec<&'static str> {
    (0..random.usize(1..4)).map(|_| SELECTORS[random.usize(..SELECTORS.len())]).collect()
}

fn want(selectors: &[&str], topic: &str) -> bool {
    let topic = Topic::new(topic).unwrap();
    selectors.iter().any(|selector| selector.parse::<Selector>().unwrap().matches(&topic))
}

/// A reader, and what the log says it is to get.
struct Case {
    granted: Vec<&'static str>,
    asked: Vec<&'static str>,
    after: u64,
    expected: Vec<u64>,
}

impl Case {
    fn random(random: &mut fastrand::Rng, log: &[Logged]) -> Self {
        let (granted, asked) = (some_selectors(random), some_selectors(random));
        let after = random.u64(0..=log.last().unwrap().seq);
        let both = |event: &&Logged| want(&granted, event.topic) && want(&asked, event.topic);
        let expected = log.iter().filter(both).map(|event| event.seq).filter(|seq| *seq > after).collect();
        Self { granted, asked, after, expected }
    }

    /// A topic that is named and not granted, or nothing that is.
    fn is_refused(&self) -> bool {
        // Whoever asks for everything names no topic.
        let named =
            self.asked.iter().filter(|selector| !selector.contains('*') && !self.asked.contains(&"*"));
        named.into_iter().any(|topic| !want(&self.granted, topic))
            || !TOPICS.iter().any(|topic| want(&self.granted, topic) && want(&self.asked, topic))
    }

    fn query(&self, epoch: &str) -> String {
        let topics: Vec<String> = self.asked.iter().map(|selector| format!("topic={selector}&")).collect();
        let after = if self.after == 0 { "earliest".to_owned() } else { format!("{epoch}-{}", self.after) };
        format!("{}{{}}={after}", topics.concat())
    }

    async fn check(&self, guarded: &Guarded, epoch: &str, log: &[Logged]) {
        let token = token(&self.granted, &[]);
        let query = self.query(epoch);
        let (poll, stream) = (query.replace("{}", "after"), query.replace("{}", "last_event_id"));
        if self.is_refused() {
            for path in [format!("/poll?timeout=0&{poll}"), format!("/events?{stream}")] {
                assert_eq!(guarded.get(&path, &token).await.status, 403, "{path} {:?}", self.granted);
            }
        } else {
            self.check_poll(guarded, &format!("/poll?timeout=0&limit=7&{poll}"), &token).await;
            self.check_stream(guarded, &format!("/events?greeting=off&{stream}"), &token).await;
        }
        for topic in TOPICS {
            let page = guarded.get(&format!("/topics/{topic}"), &token).await;
            if want(&self.granted, topic) {
                let of_topic = log.iter().filter(|event| event.topic == topic);
                assert_eq!(seqs(&page), of_topic.map(|event| event.seq).collect::<Vec<_>>(), "{topic}");
            } else {
                assert_eq!(page.status, 403, "{topic} {:?}", self.granted);
            }
        }
        let listed = guarded.get("/topics", &token).await.json();
        let listed: Vec<&str> = listed["topics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|topic| topic["topic"].as_str().unwrap())
            .collect();
        assert!(listed.iter().eq(TOPICS.iter().filter(|topic| want(&self.granted, topic))), "{listed:?}");
    }

    async fn check_poll(&self, guarded: &Guarded, path: &str, token: &str) {
        let (mut found, mut path) = (Vec::new(), path.to_owned());
        loop {
            let page = guarded.get(&path, token).await;
            let next = seqs(&page);
            if next.is_empty() {
                break;
            }
            assert!(page.json().get("gap").is_none(), "{page:?}");
            found.extend(next);
            let (before, _) = path.split_once("after=").unwrap();
            path = format!("{before}after={}", page.next());
        }
        assert_eq!(found, self.expected, "{path} {:?}", self.granted);
    }

    /// A heartbeat comes when there is nothing left.
    async fn check_stream(&self, guarded: &Guarded, path: &str, token: &str) {
        let mut stream = guarded.open(path, token).await;
        let mut found = Vec::new();
        for _ in &self.expected {
            found.push(seq(&id_of(&stream.event().await)));
        }
        assert_eq!(found, self.expected, "{path} {:?}", self.granted);
        stream.until_raw(": heartbeat").await;
        let raw = String::from_utf8_lossy(&stream.raw);
        assert_eq!(raw.matches("\ndata: ").count(), found.len(), "{path} {:?}: {raw}", self.granted);
    }
}

fn seqs(page: &Answer) -> Vec<u64> {
    let page = page.json();
    let events = page["events"].as_array().unwrap_or_else(|| panic!("{page}"));
    events.iter().map(|event| seq(event["id"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn what_a_reader_gets_is_the_log_filtered() {
    let guarded = Guarded::start_with("", &["--apps", "none", "--heartbeat", "100ms"]);
    let mut random = fastrand::Rng::with_seed(now());
    println!("seed {}", random.get_seed());
    let topics: Vec<&'static str> =
        TOPICS.into_iter().chain((0..60).map(|_| TOPICS[random.usize(..TOPICS.len())])).collect();
    let lines: Vec<String> =
        topics.iter().map(|topic| json!({ "topic": topic, "data": "x" }).to_string()).collect();
    let batch = guarded.request(Method::POST, "/topics", &everything()).body(lines.join("\n"));
    let stored = send(batch.header("Content-Type", "application/x-ndjson")).await.json();
    let first = stored["ids"]["first"].as_str().unwrap();
    let (epoch, _) = first.split_once('-').unwrap();
    let log: Vec<Logged> = (seq(first)..).zip(topics).map(|(seq, topic)| Logged { topic, seq }).collect();
    let cases: Vec<Case> = (0..CASES).map(|_| Case::random(&mut random, &log)).collect();
    assert!(cases.iter().any(Case::is_refused) && cases.iter().any(|case| !case.expected.is_empty()));
    futures_util::future::join_all(cases.iter().map(|case| case.check(&guarded, epoch, &log))).await;
}

#[tokio::test]
async fn live_events_are_filtered_too() {
    let guarded = Guarded::start_with("", &["--apps", "none"]);
    let reader = token_with(&json!({ "exp": now() + 600, "sse": { "subscribe": ["a/*", "end"] } }));
    let mut streams = Vec::new();
    for path in ["/events?greeting=off", "/events?topic=a/*&topic=*&greeting=off"] {
        let mut stream = guarded.open(path, &reader).await;
        stream.until_raw("id: ").await;
        streams.push(stream);
    }
    for topic in ["a/1", "secret", "a", "a/2", "b/a/1", "end"] {
        guarded.publish(topic, topic).await;
    }
    for mut stream in streams {
        let mut found = Vec::new();
        while found.last().is_none_or(|last| last != "end") {
            found.push(stream.event().await.data().to_owned());
        }
        assert_eq!(found, ["a/1", "a/2", "end"]);
    }
}
