//! What a server can make the client hold. Measured from outside: the reader is a process of its own, whose peak of
//! resident memory the system counts.

use std::process::Stdio;

use sse_client::{EventSource, Limits, Signal};
use tokio::process::Command;

use super::{DEADLINE, next, quick};
use crate::server::{Script, Server};

const LIMITS: Limits = Limits { max_line_bytes: 1 << 20, max_event_bytes: 2 << 20 };
/// What the reader may grow by: a line and an event whose buffers double while they grow, the event that is given out,
/// one more of each for what the allocator keeps, and what the connection reads at once.
const MOST_BYTES: u64 = 20 << 20;
/// Far more than that is sent.
const SENT_BYTES: usize = 48 << 20;
/// Events of nearly 1 MiB that this makes, at least.
const EVENTS: u64 = (SENT_BYTES >> 20) as u64 - 2;
const URL: &str = "SSE_CLIENT_TEST_URL";

/// Peak memory of a reader of this stream over what it had after the first event, in bytes; and how many signals came.
async fn growth(script: Script) -> (u64, u64) {
    let server = Server::start([script]).await;
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["memory::reader", "--exact", "--ignored", "--nocapture"])
        .env(URL, server.url("/events"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let output =
        tokio::time::timeout(6 * DEADLINE, child.wait_with_output()).await.expect("an end in time").unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let figures = text.lines().find_map(|line| line.split("grown ").nth(1)).expect("the reader's report");
    let mut figures = figures.split(' ').map(|figure| figure.parse().unwrap());
    let (bytes, signals) = (figures.next().unwrap(), figures.next().unwrap());
    assert!(server.sent() > SENT_BYTES as u64 / 2, "the reader gave up after {} bytes", server.sent());
    (bytes, signals)
}

/// The reader itself.
#[tokio::test]
#[ignore = "part of the other tests, which start it"]
async fn reader() {
    let Ok(url) = std::env::var(URL) else { return };
    let mut source = EventSource::builder(url).limits(LIMITS).max_reconnects(0).build().unwrap();
    while !matches!(next(&mut source).await, Signal::Event(_)) {}
    // Sets the peak back to what is resident now.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS:");
    let mut signals = 0_u64;
    // Holds the last event, as callers do.
    let mut held = None;
    while let Some(signal) = source.next().await {
        signals += 1;
        held = Some(signal);
    }
    drop(held);
    println!("grown {} {signals}", memory("VmHWM:").saturating_sub(before));
}

/// A figure of the system about this process, in bytes.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}

/// A stream that starts well, then says this over and over.
fn flood(piece: &[u8]) -> Script {
    let piece = piece.repeat((1_usize << 16).div_ceil(piece.len()));
    Script::stream().send("data: first\n\n").pause(300).repeat(&piece, SENT_BYTES / piece.len())
}

async fn stays_small(name: &str, script: Script, least_signals: u64) {
    let (bytes, signals) = growth(script).await;
    println!(
        "{name}: {:.1} MiB for {} MiB sent, {signals} signals",
        bytes as f64 / f64::from(1 << 20),
        SENT_BYTES >> 20
    );
    assert!(bytes < MOST_BYTES, "{name}: {bytes} bytes");
    assert!(signals >= least_signals, "{name}: {signals} signals");
}

#[tokio::test]
async fn a_line_without_end_is_bounded() {
    stays_small("line", flood(b"x"), 2).await;
}

#[tokio::test]
async fn an_event_without_end_is_bounded() {
    stays_small("event", flood(b"data: 0123456789\n"), 2).await;
}

#[tokio::test]
async fn events_at_the_limit_are_bounded() {
    let line = format!("data: {}\n", "x".repeat((1 << 20) - 7));
    let mut event = line.into_bytes();
    event.push(b'\n');
    stays_small("large events", flood(&event), EVENTS).await;
}

#[tokio::test]
async fn events_that_are_no_utf8_are_bounded() {
    let mut event = b"data: ".to_vec();
    event.resize((1 << 20) - 8, 0xff);
    event.extend_from_slice(b"\n\n");
    stays_small("no UTF-8", flood(&event), EVENTS).await;
}

#[tokio::test]
async fn ids_without_end_are_bounded() {
    let mut block = b"id: ".to_vec();
    block.resize(1 << 19, b'i');
    block.extend_from_slice(b"\n\n");
    stays_small("ids", flood(&block), 1).await;
}

#[tokio::test]
async fn a_slow_reader_slows_the_server_and_holds_nothing() {
    let server =
        Server::start([Script::stream().repeat("data: 0123456789\n\n".repeat(1_000), 100_000)]).await;
    let mut source = quick(&server).build().unwrap();
    while !matches!(next(&mut source).await, Signal::Event(_)) {}
    let mut sent = 0;
    let stalled = async {
        while sent != server.sent() {
            sent = server.sent();
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
    };
    tokio::time::timeout(DEADLINE, stalled).await.expect("the server goes on though nobody reads");
    // What the two sockets hold, which the system bounds.
    assert!(sent < 32 << 20, "{sent} bytes went out unread");
    assert!(matches!(next(&mut source).await, Signal::Event(_)));
}
