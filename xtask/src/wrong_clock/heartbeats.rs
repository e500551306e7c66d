//! A stream on which nothing happens but heartbeats, and a client that does not read: the timers of the server.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::http::Connection;

/// `--heartbeat` of the server.
pub(super) const HEARTBEAT: Duration = Duration::from_millis(300);
/// `--write-timeout` of the server.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(4);

/// Pause between two looks.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Longest wait of a busy machine.
const SLACK: Duration = Duration::from_secs(20);
/// More than the buffers of a connection have room for.
const STALL_EVENTS: usize = 10;
const STALL_BYTES: usize = 1_000_000;

/// Counts heartbeats, and connects again when the server was started anew.
pub(super) async fn count(address: String, heartbeats: Rc<Cell<u64>>) -> Result<()> {
    loop {
        if let Ok(mut stream) = follow(&address, "wrong-clock/quiet", None).await {
            let (mut buffer, start, mut count) = ([0; 4096], Instant::now(), 0);
            while let Ok(1..) = stream.read(&mut buffer).await {
                count += 1;
                heartbeats.set(heartbeats.get() + 1);
                // Half as many again as there should be, and what comes at the start.
                let most = 10 + start.elapsed().as_millis() * 3 / 2 / HEARTBEAT.as_millis();
                ensure!(count <= most, "{count} heartbeats in {:.1} s", start.elapsed().as_secs_f64());
            }
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// A client that does not read is cut after the write timeout, neither sooner nor much later. There are so many `others`.
pub(super) async fn expect_write_timeout(address: &str, others: u64) -> Result<Duration> {
    let mut connection = Connection::open(address).await?;
    let start = Instant::now();
    while open_streams(&mut connection).await? != others {
        ensure!(start.elapsed() < SLACK, "there are not {others} streams");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    let stalled = follow(address, "wrong-clock/stalled", Some(4096)).await?;
    let start = Instant::now();
    let data = vec![b'x'; STALL_BYTES];
    for _ in 0..STALL_EVENTS {
        connection.publish("wrong-clock/stalled", &data).await?;
    }
    let published = Instant::now();
    while open_streams(&mut connection).await? > others {
        ensure!(published.elapsed() < WRITE_TIMEOUT + SLACK, "a client that does not read is not cut");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    let cut_after = start.elapsed();
    drop(stalled);
    if cut_after < WRITE_TIMEOUT {
        bail!("a client that does not read is cut after {:.1} s", cut_after.as_secs_f64());
    }
    Ok(cut_after)
}

async fn open_streams(connection: &mut Connection) -> Result<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Hub {
        connections_open: u64,
    }
    let hub: Hub = connection.get("/hub").await?.expect_ok()?.json()?;
    Ok(hub.connections_open)
}

/// Opens a stream, with a receive buffer of so many bytes.
async fn follow(address: &str, topic: &str, buffer: Option<u32>) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    let mut stream = socket.connect(address.parse()?).await?;
    let request = format!("GET /events?topic={topic} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let head = stream.read(&mut [0; 4096]).await.context("no answer")?;
    ensure!(head > 0, "the server closed the stream");
    Ok(stream)
}
