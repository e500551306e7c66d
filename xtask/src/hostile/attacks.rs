//! The kinds of hostile clients.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use super::target::{End, Target};
use super::world::{self, BUSY, CONTROL_CHARACTERS, LARGE, LINE_ENDS, QUIET};
use crate::http::Connection;

/// One kind.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Clients at once in the full test.
    pub(super) clients: usize,
    /// Pause of a client between two attempts, in milliseconds.
    pub(super) pause: u64,
    pub(super) attack: fn(Target) -> Attack,
}

type Attack = LocalBoxFuture<'static, Result<End>>;

const fn kind(name: &'static str, clients: usize, pause: u64, attack: fn(Target) -> Attack) -> Kind {
    Kind { name, clients, pause, attack }
}

/// Numbered from 1.
pub(super) const KINDS: [Kind; 16] = [
    kind("131 kB pipelined behind an event stream", 100, 1000, |target| {
        pipeline(target, 131_000).boxed_local()
    }),
    kind("400 kB pipelined, then silence", 100, 1000, |target| pipeline(target, 400_000).boxed_local()),
    kind("event stream not read, small events", 300, 1000, |target| not_read(target, stream(BUSY))),
    kind("event stream not read, large events", 100, 1000, |target| not_read(target, stream(LINE_ENDS))),
    kind("slow request head", 300, 100, |target| slow_head(target).boxed_local()),
    kind("slow second request head", 300, 100, |target| slow_second_head(target).boxed_local()),
    kind("slow body", 200, 100, |target| slow_body(target).boxed_local()),
    kind("page of control characters not read", 100, 1000, |target| {
        not_read(target, format!("/topics/{CONTROL_CHARACTERS}?limit=1000"))
    }),
    kind("list of topics not read", 60, 1000, |target| not_read(target, "/topics".into())),
    kind("long-poll not read", 200, 1000, |target| {
        not_read(target, format!("/poll?topic={LINE_ENDS}&topic={BUSY}&timeout=60&limit=1000"))
    }),
    kind("different sets of 100 selectors", 100, 500, |target| selectors(target).boxed_local()),
    kind("huge batches", 3, 2000, |target| huge_batch(target).boxed_local()),
    kind("reset after the head or in a body", 20, 100, |target| reset(target).boxed_local()),
    kind("connection without a request", 500, 100, |target| silent(target).boxed_local()),
    kind("garbage and TLS", 20, 100, |target| garbage(target).boxed_local()),
    kind("resume of a large topic not read", 100, 1000, |target| {
        not_read(target, format!("/events?topic={LARGE}&last_event_id=earliest"))
    }),
];

fn stream(topic: &str) -> String {
    format!("/events?topic={topic}")
}

fn not_read(target: Target, path: String) -> Attack {
    async move { target.never_read(&path).await }.boxed_local()
}

async fn pipeline(target: Target, bytes: usize) -> Result<End> {
    let mut socket = target.get(&stream(QUIET)).await?;
    let request = format!("{}\r\n", target.head("GET /hub"));
    socket.write_all(request.repeat(bytes / request.len()).as_bytes()).await?;
    target.until_cut(&mut socket, None).await
}

async fn slow_head(target: Target) -> Result<End> {
    let mut socket = target.connect().await?;
    socket.write_all(format!("{}X-Slow: ", target.head("GET /hub")).as_bytes()).await?;
    target.until_cut(&mut socket, Some(b'x')).await
}

async fn slow_second_head(target: Target) -> Result<End> {
    let mut socket = target.get("/hub").await?;
    socket.read_u8().await?;
    socket.write_all(format!("{}X-Slow: ", target.head("GET /hub")).as_bytes()).await?;
    target.until_cut(&mut socket, Some(b'x')).await
}

async fn slow_body(target: Target) -> Result<End> {
    let mut socket = target.connect().await?;
    let head = target.head("POST /topics/hostile/slow") + "Content-Length: 1000000\r\n\r\n";
    socket.write_all(head.as_bytes()).await?;
    target.until_cut(&mut socket, Some(b'x')).await
}

/// A subscription to topics that nobody else asks for, and to two that are published to.
async fn selectors(target: Target) -> Result<End> {
    let unique = |_| format!("&topic=hostile/{:x}", fastrand::u64(..));
    let others: String = (0..98).map(unique).collect();
    let mut socket = target.get(&format!("/events?topic={BUSY}&topic={LINE_ENDS}{others}")).await?;
    socket.read_u8().await?;
    sleep(Duration::from_millis(fastrand::u64(..4000))).await;
    Ok(End::Served)
}

async fn huge_batch(target: Target) -> Result<End> {
    let batches = world::batches();
    let (topic, batch) = fastrand::choice(&batches).context("there are batches")?;
    let mut connection = Connection::open(&target.address).await?;
    let response = connection.post(topic, "application/x-ndjson", batch).await?;
    Ok(if response.status == 200 { End::Served } else { End::Refused })
}

async fn reset(target: Target) -> Result<End> {
    let mut socket = target.connect().await?;
    socket.set_zero_linger()?;
    let requests = [
        target.head("GET /events?topic=crowd/*") + "\r\n",
        target.head("GET /events?topic=crowd/*"),
        target.head("POST /topics/hostile/reset") + "Content-Length: 100000\r\n\r\nbody",
        target.head(&format!("GET /topics/{LARGE}?limit=1000")) + "\r\n",
    ];
    let request = fastrand::choice(&requests).context("there are requests")?;
    socket.write_all(request.as_bytes()).await?;
    sleep(Duration::from_millis(fastrand::u64(..20))).await;
    Ok(End::Served)
}

async fn silent(target: Target) -> Result<End> {
    let mut socket = target.connect().await?;
    target.until_cut(&mut socket, None).await
}

async fn garbage(target: Target) -> Result<End> {
    /// The beginning of a TLS 1.2 record with a ClientHello of 512 bytes.
    const HELLO: [u8; 11] = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
    let mut bytes = if fastrand::bool() { HELLO.to_vec() } else { Vec::new() };
    bytes.extend(std::iter::repeat_with(|| fastrand::u8(..)).take(fastrand::usize(1..4096)));
    let mut socket = target.connect().await?;
    socket.write_all(&bytes).await?;
    target.until_cut(&mut socket, None).await
}
