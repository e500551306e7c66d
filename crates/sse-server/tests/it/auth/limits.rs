//! How much one subject may have, and that it takes nothing from others. On this machine, where no address is limited.

use reqwest::Method;
use serde_json::json;

use super::{Guarded, now, token, token_with};
use crate::api::send;
use crate::harness::Reader;

/// Of this subject; each is another token.
fn of(subject: &str) -> String {
    let id = format!("{:x}", fastrand::u64(..));
    let grants = json!({ "subscribe": ["*"], "publish": ["*"] });
    token_with(&json!({ "exp": now() + 600, "sub": subject, "jti": id, "sse": grants }))
}

fn start(limits: &str) -> Guarded {
    Guarded::start_with(&format!("[limits]\n{limits}"), &["--apps", "none"])
}

#[tokio::test]
async fn who_publishes_too_fast_is_told_when_to_come_back_and_others_go_on() {
    let guarded = start("subject_requests_per_second = 1");
    let publish = async |token: String| guarded.post("/topics/a", &token, "x").await;
    let mut refused = publish(of("ann")).await;
    while refused.status == 200 {
        refused = publish(of("ann")).await;
    }
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"));
    assert!(refused.problem().1.contains("rate limit exceeded"));
    for _ in 0..20 {
        assert_eq!(publish(token(&[], &["a"])).await.status, 200, "a token without a subject");
    }
    assert_eq!(publish(of("bob")).await.status, 200);
}

#[tokio::test]
async fn who_opens_streams_too_fast_is_sent_away_and_may_publish() {
    let guarded = start("subject_subscribes_per_second = 1");
    loop {
        let mut reader = guarded.open("/events?topic=a", &of("ann")).await;
        reader.until_raw("\n\n").await;
        if String::from_utf8_lossy(&reader.raw).contains(": rate limit exceeded") {
            break;
        }
    }
    guarded.open("/events?topic=a", &of("bob")).await.until_raw("hub: greeting").await;
    assert_eq!(guarded.post("/topics/a", &of("ann"), "x").await.status, 200);
}

#[tokio::test]
async fn event_streams_of_a_subject_are_counted_while_they_are_open() {
    for http2 in [false, true] {
        let guarded = start("connections_per_subject = 2");
        let client = reqwest::Client::builder();
        let client = if http2 { client.http2_prior_knowledge() } else { client }.build().unwrap();
        let request = |subject: &str, query: &str| {
            let url = guarded.api.server.url(&format!("/events?topic=a{query}"));
            client.request(Method::GET, url).bearer_auth(of(subject))
        };
        let first = Reader::of(request("ann", "")).await;
        let _second = Reader::of(request("ann", "")).await;
        let refused = send(request("ann", "&strict=1")).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, "5"), "{refused:?}");
        assert!(refused.problem().1.contains("this subject has too many event streams open"));
        let mut sent_away = Reader::of(request("ann", "")).await;
        sent_away.until_raw(": this subject has too many event streams open").await;
        Reader::of(request("bob", "")).await.until_raw("hub: greeting").await;
        drop(first);
        let end = tokio::time::Instant::now() + crate::harness::DEADLINE;
        while request("ann", "&strict=1").send().await.unwrap().status() != 200 {
            assert!(tokio::time::Instant::now() < end, "its place does not come back");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}
