//! An event stream ends with its token.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::timeout;

use super::{Guarded, everything, now, token, token_with};

/// Heartbeats come as long as it does not end.
const LONGEST: Duration = Duration::from_secs(30);

/// Of `a`, for so many seconds.
fn short(seconds: u64) -> String {
    token_with(&json!({ "exp": now() + seconds, "sse": { "subscribe": ["a"] } }))
}

#[tokio::test]
async fn it_ends_with_a_reason_and_goes_on_with_a_new_one() {
    for direct in ["on", "off"] {
        let guarded = Guarded::start_with("", &["--apps", "none", "--direct", direct]);
        guarded.publish("a", "before").await;
        let from = Instant::now();
        let mut stream = guarded.open("/events?topic=a&last=1", &short(3)).await;
        stream.until_raw("data: before").await;
        timeout(LONGEST, stream.read_to_end()).await.unwrap();
        assert!(from.elapsed() > Duration::from_secs(1), "{:?}", from.elapsed());
        let raw = String::from_utf8(stream.raw.clone()).unwrap();
        let (_, end) = raw.split_once("data: before\n\n").unwrap();
        assert!(
            end.contains("retry: ") && end.ends_with(": the token has expired; come back with a new one\n\n"),
            "{raw}"
        );
        guarded.publish("a", "between").await;
        let path = format!("/events?topic=a&greeting=off&last_event_id={}", stream.last_event_id());
        let mut next = guarded.open(&path, &token(&["a"], &[])).await;
        assert_eq!(next.event_of("message").await.data(), "between");
    }
}

#[tokio::test]
async fn it_ends_while_events_come() {
    let guarded = Guarded::start_with("", &["--apps", "none"]);
    let mut stream = guarded.open("/events?topic=a", &short(2)).await;
    let publishing = async {
        loop {
            guarded.publish("a", "x").await;
        }
    };
    let reading = timeout(LONGEST, stream.read_to_end());
    tokio::select! {
        ended = reading => ended.unwrap(),
        () = publishing => {}
    }
    let raw = String::from_utf8(stream.raw.clone()).unwrap();
    assert!(raw.ends_with(": the token has expired; come back with a new one\n\n"));
}

#[tokio::test]
async fn a_long_poll_waits_no_longer_than_its_token_is_good() {
    let guarded = Guarded::start_with("", &["--apps", "none"]);
    guarded.publish("a", "x").await;
    let from = Instant::now();
    let page = guarded.get("/poll?topic=a&timeout=60", &short(1)).await;
    assert!(page.data().is_empty() && from.elapsed() < Duration::from_secs(10), "{page:?}");
    assert_eq!(guarded.get("/hub", &everything()).await.json()["connectionsOpen"], 0);
}
