//! A stream of 1 MB/s: nothing is lost, and memory stays where it is.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader};

use super::{DEADLINE, command, finish};
use crate::server::{Script, Server};

const BYTES_PER_SECOND: usize = 1 << 20;
/// Pieces a second.
const PIECES: usize = 20;

/// Seconds of it: a moment in the gate, more by hand with `FIREHOSE_SECONDS`.
fn seconds() -> usize {
    std::env::var("FIREHOSE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

/// Changes to an encyclopedia, as such streams send them, over and over with a number of their own.
const CHANGES: &str = include_str!("replay/changes.ndjson");

fn script() -> (Script, usize) {
    let mut changes = CHANGES.lines().cycle();
    let (mut script, mut count) = (Script::stream(), 0);
    for _ in 0..seconds() * PIECES {
        let mut piece = String::new();
        while piece.len() < BYTES_PER_SECOND / PIECES {
            let change = changes.next().unwrap();
            piece.push_str(&format!("event: message\nid: {count}\ndata: {change}\n\n"));
            count += 1;
        }
        script = script.send(piece).pause(1000 / PIECES as u64);
    }
    (script, count)
}

/// Resident memory in kB: now, and at most.
fn memory(process: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (field("VmRSS:"), field("VmHWM:"))
}

#[tokio::test]
async fn a_firehose_loses_nothing_and_memory_is_steady() {
    let (script, count) = script();
    let server = Server::start([script.hold()]).await;
    let total = count.to_string();
    let mut child = command(&["tail", &server.url("/x"), "--json", "-q", "-n", &total]).spawn().unwrap();
    let process = child.id().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (start, mut early, mut late, mut bytes) = (Instant::now(), 0, 0, 0);
    for n in 0..count {
        let next = tokio::time::timeout(DEADLINE + Duration::from_secs(60), lines.next_line());
        let line = next.await.unwrap().unwrap().unwrap();
        assert!(line.starts_with(&format!("{{\"id\":\"{n}\",")), "{n}: {line}");
        bytes += line.len();
        if n == count / 4 {
            early = memory(process).1;
        }
        if n == count * 9 / 10 {
            late = memory(process).1;
        }
    }
    assert_eq!(finish(child).await.status.code(), Some(0));
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{count} events, {bytes} bytes of JSON in {seconds:.1} s; at most {early} kB after a quarter, {late} kB at 90 %"
    );
    // Far below what holding the rest of the stream would take.
    assert!(late < early + 4096, "memory grew from {early} kB to {late} kB");
}
