//! Many readers of the same topics, quick and slow: every one gets everything, byte for byte, in order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::api::Api;
use crate::harness::{Reader, Server};

/// More than are served in one turn of the fan-out.
const READERS: usize = 80;
/// Events of topic `a`, in batches.
const EVENTS: usize = 1500;

/// Data of the nth event of `a`: mostly small, some larger than a delivery.
fn data(nth: usize) -> String {
    let length = match nth % 100 {
        99 => 50_000,
        rest if rest % 10 == 9 => 3_000,
        rest => rest * 7,
    };
    format!("{nth} {}", "x".repeat(length))
}

/// Reads to the last event of both topics.
async fn read(mut reader: Reader, slow: bool) {
    let (mut of_a, mut of_b) = (0, 0);
    loop {
        // Long enough to fill the socket, again and again.
        if slow && of_a % 150 == 149 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let event = reader.event().await;
        if event.topic() == Some("a") {
            assert!(event.data() == data(of_a), "event {of_a}: {:.40}", event.data());
            of_a += 1;
        } else if event.data() == "end" {
            return assert_eq!(of_a, EVENTS);
        } else {
            assert_eq!(event.data(), of_b.to_string());
            of_b += 1;
        }
    }
}

#[tokio::test]
async fn every_reader_gets_every_byte_however_slow_and_however_events_come_together() {
    let api = Api::of(Server::start(&["--workers", "1"]));
    let mut readers = tokio::task::JoinSet::new();
    for number in 0..READERS {
        let mut reader = Reader::open(api.server.url("/events?topic=a&topic=b")).await;
        reader.event().await;
        readers.spawn(read(reader, number % 20 == 0));
    }
    let done = AtomicBool::new(false);
    let batches = async {
        let mut nth = 0;
        while nth < EVENTS {
            let batch = (nth * 7 % 60 + 40).min(EVENTS - nth);
            let line = |nth| format!("{{\"data\":\"{}\"}}\n", data(nth));
            let lines: String = (nth..nth + batch).map(line).collect();
            api.batch("/topics/a", lines).send().await.unwrap().error_for_status().unwrap();
            nth += batch;
        }
        done.store(true, Ordering::Relaxed);
    };
    let singles = async {
        let mut nth = 0;
        while !done.load(Ordering::Relaxed) {
            api.publish("b", nth.to_string()).await;
            nth += 1;
        }
    };
    tokio::join!(batches, singles);
    api.publish("b", "end").await;
    while let Some(read) = readers.join_next().await {
        read.unwrap();
    }
}
