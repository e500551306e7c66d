//! What stands on a stream: greeting, events, heartbeats, resume, gaps.

use sse_core::payload::{Connected, Gap, GapReason, Metrics, ServerTime};

use crate::api::Api;
use crate::harness::{Reader, Server, event_type_of, id_of};

#[tokio::test]
async fn events_greets_at_once_and_then_sends_typed_events_and_the_time() {
    let server = Server::start(&[]);
    let mut reader = Reader::open(server.url("/events")).await;
    assert_eq!(reader.header("content-type"), "text/event-stream");
    assert_eq!(reader.header("cache-control"), "no-cache, no-transform");
    assert_eq!(reader.header("x-accel-buffering"), "no");
    assert_eq!(reader.header("connection"), "close");
    let greeting = reader.event().await;
    assert_eq!(event_type_of(&greeting), "message");
    assert_eq!(greeting.id().unwrap().as_str(), reader.last_event_id(), "where a new reader stands");
    let greeting: ServerTime = serde_json::from_str(greeting.data()).unwrap();
    assert_eq!(greeting.message, "Connected to event stream");
    assert!(reader.raw.starts_with(b"retry: "));
    let metrics = reader.event().await;
    assert_eq!(event_type_of(&metrics), "metrics");
    let update: ServerTime = serde_json::from_str(reader.event_of("message").await.data()).unwrap();
    assert_eq!(update.message, "Server update");
    assert!(update.time > greeting.time && update.time.ends_with('Z'), "{}", update.time);
}

#[tokio::test]
async fn dashboard_sends_the_figures_of_this_host() {
    let server = Server::start(&["--metrics-interval", "200ms"]);
    let mut reader = Reader::open(server.url("/dashboard-events")).await;
    let connected = reader.event().await;
    assert_eq!(event_type_of(&connected), "connected");
    let connected: Connected = serde_json::from_str(connected.data()).unwrap();
    assert_eq!(connected.message, "Connected to system monitor");
    let event = reader.event().await;
    assert_eq!(event_type_of(&event), "metrics");
    let metrics: Metrics = serde_json::from_str(event.data()).unwrap();
    assert_eq!(metrics.cpus.len(), metrics.cpu_count);
    assert_eq!(metrics.cpu_load, metrics.load_average[0]);
    assert!(metrics.free_memory > 0.0 && metrics.free_memory <= metrics.total_memory);
    assert!(metrics.uptime > 0 && metrics.process_count > 1);
    assert_eq!(metrics.interval, 0.2);
}

#[tokio::test]
async fn dashboard_sends_the_figures_of_the_hub() {
    let server = Server::start(&["--metrics-interval", "200ms"]);
    let mut reader = Reader::open(server.url("/dashboard-events")).await;
    let mut other = Reader::open(server.url("/events?topic=quiet")).await;
    other.event().await;
    let mut hub = async || {
        let event = reader.event_of("metrics").await;
        serde_json::from_str::<Metrics>(event.data()).unwrap().hub
    };
    while hub().await.streams != 2 {}
    drop(other);
    while hub().await.streams != 1 {}
    let figures = hub().await;
    assert!(figures.topics >= 1, "{figures:?}");
    assert!(figures.events_per_second > 1.0 && figures.events_per_second < 50.0, "{figures:?}");
}

#[tokio::test]
async fn all_readers_share_one_sampler() {
    let server = Server::start(&["--metrics-interval", "200ms"]);
    let mut readers = Vec::new();
    for _ in 0..4 {
        readers.push(Reader::open(server.url("/dashboard-events")).await);
    }
    let mut seen = Vec::new();
    for reader in &mut readers {
        reader.event_of("connected").await;
        reader.event().await;
        seen.push(reader.event().await);
    }
    let newest = seen.iter().map(id_of).max().unwrap();
    for (reader, event) in readers.iter_mut().zip(seen) {
        let mut event = event;
        while id_of(&event) != newest {
            event = reader.event().await;
        }
    }
}

#[tokio::test]
async fn samples_are_taken_while_nobody_watches() {
    let server = Server::start(&["--metrics-interval", "200ms"]);
    let kept = async || {
        let page: serde_json::Value = serde_json::from_str(
            &reqwest::get(server.url("/topics/metrics")).await.unwrap().text().await.unwrap(),
        )
        .unwrap();
        page["events"].as_array().unwrap().len()
    };
    let deadline = std::time::Instant::now() + crate::harness::DEADLINE;
    while kept().await < 3 {
        assert!(std::time::Instant::now() < deadline, "no samples");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_quiet_stream_has_heartbeats_that_carry_the_position() {
    let api = Api::of(Server::start(&["--heartbeat", "200ms"]));
    let mut quiet = Reader::open(api.server.url("/events?topic=quiet")).await;
    quiet.until_raw(": heartbeat\n\n").await;
    let published = api.publish("busy", "x").await;
    quiet.until_raw(&format!("id: {published}\n\n")).await;
    assert_eq!(quiet.last_event_id(), published, "an id-only block moves the last event id");
}

#[tokio::test]
async fn resumes_after_the_id_in_header_or_parameter() {
    let server = Server::start(&["--metrics-interval", "200ms"]);
    let mut reader = Reader::open(server.url("/dashboard-events")).await;
    reader.event_of("connected").await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(id_of(&reader.event().await));
    }
    let url = server.url("/dashboard-events");
    let by_parameter = format!("{url}?last_event_id={}", ids[0]);
    let cases = [
        (by_parameter.clone(), None, &ids[1..]),
        (url.clone(), Some(ids[1].as_str()), &ids[2..]),
        (by_parameter, Some(ids[2].as_str()), &ids[3..]),
        (format!("{url}?last_event_id=earliest"), None, &ids[..]),
    ];
    for (url, header, expected) in cases {
        let mut resumed = Reader::open_from(url, header).await;
        resumed.event_of("connected").await;
        for id in expected {
            assert_eq!(&id_of(&resumed.event().await), id);
        }
    }
}

#[tokio::test]
async fn starts_with_the_newest_events_and_the_header_wins() {
    let api = Api::start();
    let mut ids = Vec::new();
    for data in ["0", "1", "2", "3"] {
        ids.push(api.publish("a", data).await);
    }
    let read = async |query: &str, header| {
        let mut reader = Reader::open_from(api.server.url(&format!("/events?topic=a{query}")), header).await;
        reader.event().await;
        reader.event().await.data().to_owned()
    };
    assert_eq!(read("&last=2", None).await, "2");
    assert_eq!(read("&last=99", None).await, "0");
    assert_eq!(read("&since=2020-01-01T00:00:00Z", None).await, "0");
    assert_eq!(read("&last=1", Some(ids[0].as_str())).await, "1", "the header wins");
}

#[tokio::test]
async fn an_id_of_another_life_gives_a_gap_first() {
    let server = Server::start(&["--metrics-interval", "200ms"]);
    let mut reader = Reader::open_from(server.url("/dashboard-events"), Some("0123456789ab-77")).await;
    reader.event_of("connected").await;
    let event = reader.event().await;
    assert_eq!(event_type_of(&event), "gap");
    let gap: Gap = serde_json::from_str(event.data()).unwrap();
    assert_eq!((gap.requested.as_str(), gap.reason), ("0123456789ab-77", GapReason::UnknownId));
    assert_eq!(event_type_of(&reader.event().await), "metrics");
}

#[tokio::test]
async fn selectors_choose_the_topics() {
    let server = Server::start(&["--metrics-interval", "200ms"]);
    let mut reader = Reader::open(server.url("/events?topic=clock&topic=none/*")).await;
    reader.event().await;
    assert_eq!(event_type_of(&reader.event().await), "message", "the clock, after many metrics");
}
