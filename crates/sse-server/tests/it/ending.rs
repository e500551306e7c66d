//! Topics that end: closed, deleted, idle, and events that expire.

use reqwest::Method;

use crate::api::{Answer, Api, send};
use crate::harness::{Reader, Server, event_type_of, id_of};

impl Api {
    async fn close(&self, topic: &str, last: &str) -> Answer {
        send(self.post(&format!("/topics/{topic}?close=true"), last.to_owned())).await
    }

    async fn delete(&self, topic: &str) -> Answer {
        send(self.request(Method::DELETE, &format!("/topics/{topic}"))).await
    }

    async fn stream(&self, query: &str) -> Reader {
        Reader::open(self.server.url(&format!("/events?greeting=off&{query}"))).await
    }
}

#[tokio::test]
async fn a_stream_ends_when_all_of_its_topics_are_closed() {
    let api = Api::start();
    let mut both = api.stream("topic=a&topic=b").await;
    let mut all = api.stream("topic=*").await;
    api.publish("a", "1").await;
    assert_eq!(api.close("a", "2").await.json()["count"], 2);
    for stream in [&mut both, &mut all] {
        for data in ["1", "2", "{\"topic\":\"a\"}"] {
            assert_eq!(stream.event().await.data(), data);
        }
    }
    api.publish("b", "3").await;
    assert_eq!(both.event().await.data(), "3");
    let end = api.close("b", "").await.json()["id"].as_str().unwrap().to_owned();
    let event = both.event().await;
    assert_eq!((event_type_of(&event), id_of(&event), event.topic()), ("end", end.clone(), Some("b")));
    both.read_to_end().await;
    all.event_of("end").await;
    api.publish("c", "goes on").await;
    assert_eq!(all.event().await.data(), "goes on");
    // Whoever comes back has got everything; whoever comes gets what is kept.
    let again = api.request(Method::GET, "/events?topic=a&topic=b").header("Last-Event-ID", &end);
    let again = send(again).await;
    assert_eq!((again.status, again.text.as_str()), (204, ""));
    let mut late = api.stream("topic=b").await;
    assert_eq!((late.event().await.data(), event_type_of(&late.event().await)), ("3", "end"));
    late.read_to_end().await;
}

#[tokio::test]
async fn a_closed_topic_refuses_events_and_says_which_line() {
    let api = Api::start();
    api.publish("run", "1").await;
    let first = api.close("run", "").await.json();
    let again = api.close("run", "").await.json();
    assert_eq!((&again["id"], &again["repeated"]), (&first["id"], &true.into()));
    let single = send(api.post("/topics/run", "2")).await;
    assert!(single.json()["line"].is_null(), "{single:?}");
    let (status, detail) = single.problem();
    assert!(status == 409 && detail.contains("topic run is closed"), "{status} {detail}");
    let batch = "{\"topic\":\"x\",\"data\":1}\n{\"topic\":\"run\",\"data\":2}";
    let refused = send(api.batch("/topics", batch)).await;
    assert_eq!((refused.status, &refused.json()["line"]), (409, &2.into()));
    assert_eq!(api.kept("x").await.len(), 0);
    let page = api.get("/topics/run").await.json();
    assert_eq!((&page["ended"], &page["events"][1]["hub"]), (&true.into(), &"end".into()));
    let poll = api.get(&format!("/poll?topic=run&after={}", first["id"].as_str().unwrap())).await.json();
    assert_eq!((&poll["ended"], &poll["events"]), (&true.into(), &serde_json::json!([])));
    let batch = api.batch("/topics/batch?close=true", "{\"data\":1}\n{\"data\":2}");
    assert_eq!(send(batch).await.json()["count"], 3);
}

#[tokio::test]
async fn closing_and_deleting_leave_the_applications_alone() {
    let api = Api::start();
    assert_eq!((api.delete("chat/lobby").await.status, api.close("chat/lobby", "").await.status), (403, 403));
    assert_eq!(api.delete("never").await.status, 404);
    let (status, detail) = send(api.post("/topics/a?event=end", "x")).await.problem();
    assert!(status == 400 && detail.contains("`end` is the server's own"), "{detail}");
}

#[tokio::test]
async fn readers_of_a_deleted_topic_are_told_and_stay() {
    let api = Api::start();
    let first = api.publish("a", "1").await;
    let mut live = api.stream("topic=a").await;
    let deleted = api.delete("a").await.json();
    assert_eq!(deleted["count"], 1);
    let page = api.get(&format!("/poll?topic=a&after={first}")).await;
    assert_eq!((page.next(), page.data().len()), (deleted["id"].as_str().unwrap().to_owned(), 0));
    let page = api.get(&format!("/poll?topic=a&timeout=0&after={}", page.next())).await.json();
    assert_eq!(page["gap"], serde_json::json!(null), "told once");
    let gap = live.event().await;
    assert_eq!(
        (event_type_of(&gap), gap.topic(), id_of(&gap)),
        ("gap", Some("a"), deleted["id"].as_str().unwrap().to_owned())
    );
    assert!(gap.data().contains("\"reason\":\"deleted\""), "{}", gap.data());
    api.publish("a", "2").await;
    assert_eq!(live.event().await.data(), "2");
    let poll = api.get(&format!("/poll?topic=a&after={first}&limit=1")).await;
    assert_eq!((&poll.json()["gap"]["reason"], poll.data()), (&"expired".into(), vec!["2".to_owned()]));
    let url = api.server.url("/events?greeting=off&topic=a");
    let mut late = Reader::open_from(url, Some(&first)).await;
    assert_eq!((event_type_of(&late.event().await), late.event().await.data()), ("gap", "2"));
}

#[tokio::test]
async fn an_end_and_a_deletion_are_known_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    for signal in ["TERM", "KILL"] {
        let mut api = Api::of(Server::start_on(data.path(), &["--apps", "none"]));
        let first = api.publish(&format!("gone/{signal}"), "1").await;
        let end = api.close(&format!("closed/{signal}"), "x").await.json()["ids"]["last"].clone();
        assert_eq!(api.delete(&format!("gone/{signal}")).await.status, 200);
        api.server.signal(signal);
        api.server.ended().await;
        let api = Api::of(Server::start_on(data.path(), &["--apps", "none"]));
        assert_eq!(send(api.post(&format!("/topics/closed/{signal}"), "y")).await.status, 409);
        let url =
            api.server.url(&format!("/events?topic=closed/{signal}&last_event_id={}", end.as_str().unwrap()));
        assert_eq!(reqwest::get(url).await.unwrap().status(), 204);
        let page = api.get(&format!("/topics/gone/{signal}?after={first}")).await.json();
        assert_eq!((&page["events"], &page["gap"]["reason"]), (&serde_json::json!([]), &"expired".into()));
    }
}

#[tokio::test]
async fn an_event_with_a_time_to_live_is_left_out_after_it() {
    let api = Api::start();
    let first = api.publish("a", "0").await;
    api.publish("a?ttl=1s", "brief").await;
    let line = "{\"data\":\"brief too\",\"ttl\":\"1s\"}\n{\"data\":\"stays\"}";
    assert_eq!(send(api.batch("/topics/a", line)).await.status, 200);
    let page = format!("/topics/a?after={first}");
    while api.get(&page).await.data() != ["stays"] {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(api.get(&page).await.json()["gap"], serde_json::json!(null));
    let (status, detail) = send(api.post("/topics/a?ttl=0", "x")).await.problem();
    assert!(status == 400 && detail.contains("from 1s to 90d"), "{detail}");
}
