//! The JSON names of the hub's own events, which pages and other programs rely on. Not a test of the values.

use serde_json::{Value, json};
use sse_core::payload::{
    ChatMessage, ChatUser, Connected, Disk, Gap, GapReason, HubFigures, Metrics, Network, ServerTime,
};

fn metrics() -> Metrics {
    Metrics {
        time: "2026-01-02T03:04:05.678Z".to_owned(),
        cpu_load: 0.5,
        load_average: [0.5, 0.25, 0.125],
        cpu_usage: 12.5,
        cpus: vec![12.5, 25.0],
        cpu_count: 2,
        total_memory: 1024.0,
        free_memory: 256.0,
        available_memory: 512.0,
        used_memory: 512.0,
        total_swap: 64.0,
        used_swap: 32.0,
        uptime: 60,
        disks: vec![Disk {
            name: "/dev/a".to_owned(),
            mount_point: "/".to_owned(),
            file_system: "ext4".to_owned(),
            total: 100.0,
            available: 50.0,
        }],
        networks: vec![Network {
            name: "lo".to_owned(),
            received_per_second: 1.5,
            transmitted_per_second: 2.5,
            received_total: 10,
            transmitted_total: 20,
        }],
        host_name: Some("host".to_owned()),
        os: None,
        process_count: 7,
        interval: 1.0,
        hub: HubFigures { streams: 3, topics: 4, events_per_second: 0.5 },
    }
}

fn metrics_json() -> Value {
    json!({
        "time": "2026-01-02T03:04:05.678Z",
        "cpuLoad": 0.5,
        "loadAverage": [0.5, 0.25, 0.125],
        "cpuUsage": 12.5,
        "cpus": [12.5, 25.0],
        "cpuCount": 2,
        "totalMemory": 1024.0,
        "freeMemory": 256.0,
        "availableMemory": 512.0,
        "usedMemory": 512.0,
        "totalSwap": 64.0,
        "usedSwap": 32.0,
        "uptime": 60,
        "disks": [{"name": "/dev/a", "mountPoint": "/", "fileSystem": "ext4", "total": 100.0, "available": 50.0}],
        "networks": [{
            "name": "lo",
            "receivedPerSecond": 1.5,
            "transmittedPerSecond": 2.5,
            "receivedTotal": 10,
            "transmittedTotal": 20,
        }],
        "hostName": "host",
        "os": null,
        "processCount": 7,
        "interval": 1.0,
        "hub": {"streams": 3, "topics": 4, "eventsPerSecond": 0.5},
    })
}

#[test]
fn metrics_have_the_names_of_the_tutorial() {
    assert_eq!(serde_json::to_value(metrics()).unwrap(), metrics_json());
}

#[test]
fn metrics_are_read_back() {
    assert_eq!(serde_json::from_value::<Metrics>(metrics_json()).unwrap(), metrics());
}

#[test]
fn greetings_have_a_message() {
    let time = ServerTime { time: "2026-01-02T03:04:05.678Z".to_owned(), message: "hi".to_owned() };
    assert_eq!(
        serde_json::to_value(time).unwrap(),
        json!({"time": "2026-01-02T03:04:05.678Z", "message": "hi"})
    );
    assert_eq!(
        serde_json::to_value(Connected { message: "hi".to_owned() }).unwrap(),
        json!({"message": "hi"})
    );
}

#[test]
fn chat_events_have_the_names_of_the_tutorial() {
    let message = json!({"id": "k", "username": "ann", "text": "hi", "time": "2026-01-02T03:04:05.678Z"});
    let read: ChatMessage = serde_json::from_value(message.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), message);
    let user = ChatUser { username: "ann".to_owned() };
    assert_eq!(serde_json::to_value(user).unwrap(), json!({"username": "ann"}));
}

#[test]
fn a_gap_names_its_reason_in_kebab_case() {
    for (reason, name) in [
        (GapReason::UnknownId, "unknown-id"),
        (GapReason::Expired, "expired"),
        (GapReason::Lost, "lost"),
        (GapReason::Damaged, "damaged"),
        (GapReason::Slow, "slow"),
    ] {
        let gap = Gap { requested: "a-1".to_owned(), first: "a-5".to_owned(), reason };
        let wire = json!({"requested": "a-1", "first": "a-5", "reason": name});
        assert_eq!(serde_json::to_value(&gap).unwrap(), wire);
        assert_eq!(serde_json::from_value::<Gap>(wire).unwrap(), gap);
    }
    let later = json!({"requested": "a-1", "first": "a-5", "reason": "of-a-later-version"});
    assert_eq!(serde_json::from_value::<Gap>(later).unwrap().reason, GapReason::Other);
}
