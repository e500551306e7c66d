//! The full-disk test: a disk of 20 MB fills up while events are published and read, and is then freed. No acknowledged
//! event may be missing; open streams and history keep working.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::Connection;
use crate::server::Server;
use crate::{shell, tools};

const DISK: &str = "size=20m";
/// Bytes of a file that is deleted to free space.
const BALLAST: usize = 8 << 20;
const EVENT_BYTES: usize = 8 << 10;
/// For each step of the test.
const DEADLINE: Duration = Duration::from_secs(20);
const TOPIC: &str = "disk/full";

/// A tmpfs, unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

/// An acknowledged event.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct StoredEvent {
    id: String,
    data: String,
}

#[derive(Deserialize)]
struct Page {
    events: Vec<StoredEvent>,
    next: String,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> Result<()> {
    let Some(disk) = SmallDisk::mount()? else {
        eprintln!("skipped: full disk (mounting a small disk needs root)");
        return Ok(());
    };
    shell::build_server()?;
    let (data, ballast) = (disk.0.path().join("data"), disk.0.path().join("ballast"));
    std::fs::write(&ballast, vec![1; BALLAST])?;
    let server = Server::start(&data, &["--heartbeat", "300ms"])?;
    let mut stream = follow(&server.address).await?;
    let mut connection = Connection::open(&server.address).await?;
    let mut acknowledged = fill(&mut connection).await?;
    println!("full disk         503 after {} events of {} KiB", acknowledged.len(), EVENT_BYTES >> 10);
    expect_full(&mut connection, &mut stream, &acknowledged).await?;
    println!("meanwhile         streams and history work");
    std::fs::remove_file(&ballast)?;
    let waited = publish_again(&mut connection, &mut acknowledged).await?;
    println!("space freed       published {:.2} s later", waited.as_secs_f64());
    expect_complete_history(&mut connection, &acknowledged).await?;
    drop((connection, server));
    let server = Server::start(&data, &[])?;
    expect_complete_history(&mut Connection::open(&server.address).await?, &acknowledged).await?;
    println!("acknowledged      {} events, all there, also after a restart", acknowledged.len());
    Ok(())
}

impl SmallDisk {
    /// `None` if mounting is not permitted.
    fn mount() -> Result<Option<Self>> {
        if !tools::is_root() {
            return Ok(None);
        }
        let folder = tempfile::tempdir()?;
        let mut mount = Command::new("mount");
        let done = mount.args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(folder.path()).output();
        let done = done.context("cannot run mount")?;
        if !done.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&done.stderr).trim());
            return Ok(None);
        }
        Ok(Some(Self(folder)))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, because a server that failed may still have files open.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// Publishes until the server answers that its disk is full.
async fn fill(connection: &mut Connection) -> Result<Vec<StoredEvent>> {
    let (mut acknowledged, start) = (Vec::new(), Instant::now());
    while let Some(event) = publish(connection, acknowledged.len(), EVENT_BYTES).await? {
        acknowledged.push(event);
        ensure!(start.elapsed() < DEADLINE, "the disk does not fill up: {} events", acknowledged.len());
    }
    ensure!(!acknowledged.is_empty(), "nothing could be published at all");
    Ok(acknowledged)
}

/// Only publishing fails; streams and history work.
async fn expect_full(
    connection: &mut Connection,
    stream: &mut TcpStream,
    acknowledged: &[StoredEvent],
) -> Result<()> {
    for _ in 0..3 {
        let stored = publish(connection, acknowledged.len(), 8 * EVENT_BYTES).await?;
        ensure!(stored.is_none(), "a full disk took an event");
    }
    expect_bytes(stream, "heartbeat").await?;
    expect_complete_history(connection, acknowledged).await
}

/// Retries until publishing works again, then publishes 100 events. Returns how long it had to retry.
async fn publish_again(connection: &mut Connection, acknowledged: &mut Vec<StoredEvent>) -> Result<Duration> {
    let (before, start) = (acknowledged.len(), Instant::now());
    let mut waited = Duration::ZERO;
    while acknowledged.len() < before + 100 {
        match publish(connection, acknowledged.len(), EVENT_BYTES).await? {
            Some(event) => {
                acknowledged.push(event);
                if waited.is_zero() {
                    waited = start.elapsed();
                }
            }
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        ensure!(start.elapsed() < DEADLINE, "publishing still fails though there is space");
    }
    Ok(waited)
}

/// `None` for a well-formed 503; any other refusal is an error.
async fn publish(connection: &mut Connection, nth: usize, bytes: usize) -> Result<Option<StoredEvent>> {
    let data = format!("{nth} {}", "x".repeat(bytes));
    let response = connection.post(TOPIC, "text/plain", data.as_bytes()).await?;
    match response.status {
        200 => Ok(Some(StoredEvent { id: response.json::<crate::http::PublishReceipt>()?.id, data })),
        503 => {
            ensure!(response.header("retry-after").is_some(), "a 503 without Retry-After");
            ensure!(
                response.header("content-type") == Some("application/problem+json"),
                "a 503 without problem details"
            );
            Ok(None)
        }
        status => bail!("publishing is answered {status}: {}", String::from_utf8_lossy(&response.body)),
    }
}

/// The history equals what was acknowledged, in order.
async fn expect_complete_history(connection: &mut Connection, acknowledged: &[StoredEvent]) -> Result<()> {
    let stored = history(connection).await?;
    let same =
        stored.iter().zip(acknowledged).take_while(|(stored, acknowledged)| stored == acknowledged).count();
    ensure!(
        stored == acknowledged,
        "{} events are acknowledged and {} are in the history; the first {same} are the same",
        acknowledged.len(),
        stored.len()
    );
    Ok(())
}

/// The whole history, page by page.
async fn history(connection: &mut Connection) -> Result<Vec<StoredEvent>> {
    let (mut all, mut after) = (Vec::new(), "earliest".to_owned());
    loop {
        let path = format!("/topics/{TOPIC}?after={after}&limit=500");
        let page: Page = connection.get(&path).await?.expect_ok()?.json()?;
        if page.events.is_empty() {
            return Ok(all);
        }
        all.extend(page.events);
        after = page.next;
    }
}

async fn follow(address: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /events?topic=disk/quiet HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    expect_bytes(&mut stream, "greeting").await?;
    Ok(stream)
}

/// Discards what has arrived, then waits for more.
async fn expect_bytes(stream: &mut TcpStream, what: &str) -> Result<()> {
    let mut buffer = [0; 4096];
    while stream.try_read(&mut buffer).is_ok_and(|count| count > 0) {}
    let read = tokio::time::timeout(DEADLINE, stream.read(&mut buffer)).await;
    let count = read.with_context(|| format!("no {what} on the stream"))??;
    ensure!(count > 0, "the server closed the stream");
    Ok(())
}
