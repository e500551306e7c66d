//! A disk of 20 MB that fills up while events are published and read, and then gets room again: nothing that was
//! acknowledged may be missing, and everything else goes on.

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
/// What is given back.
const BALLAST: usize = 8 << 20;
const EVENT_BYTES: usize = 8 << 10;
/// Each step of the test.
const DEADLINE: Duration = Duration::from_secs(20);
const TOPIC: &str = "disk/full";

/// A small disk in memory, taken away when dropped.
struct SmallDisk(tempfile::TempDir);

/// An acknowledged event.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Kept {
    id: String,
    data: String,
}

#[derive(Deserialize)]
struct Page {
    events: Vec<Kept>,
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
    stays_full(&mut connection, &mut stream, &acknowledged).await?;
    println!("meanwhile         streams and history go on");
    std::fs::remove_file(&ballast)?;
    let waited = goes_on(&mut connection, &mut acknowledged).await?;
    println!("room again        published {:.2} s later", waited.as_secs_f64());
    nothing_is_missing(&mut connection, &acknowledged).await?;
    drop((connection, server));
    let server = Server::start(&data, &[])?;
    nothing_is_missing(&mut Connection::open(&server.address).await?, &acknowledged).await?;
    println!("acknowledged      {} events, all there, also after a restart", acknowledged.len());
    Ok(())
}

impl SmallDisk {
    /// `None` without the rights to do so.
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
        // Lazily, because a server that failed may still hold it.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// Publishes until the server says that it cannot store.
async fn fill(connection: &mut Connection) -> Result<Vec<Kept>> {
    let (mut acknowledged, from) = (Vec::new(), Instant::now());
    while let Some(kept) = publish(connection, acknowledged.len(), EVENT_BYTES).await? {
        acknowledged.push(kept);
        ensure!(from.elapsed() < DEADLINE, "the disk does not fill up: {} events", acknowledged.len());
    }
    ensure!(!acknowledged.is_empty(), "nothing could be published at all");
    Ok(acknowledged)
}

/// A disk that is full is a matter of publishers alone.
async fn stays_full(
    connection: &mut Connection,
    stream: &mut TcpStream,
    acknowledged: &[Kept],
) -> Result<()> {
    for _ in 0..3 {
        let stored = publish(connection, acknowledged.len(), 8 * EVENT_BYTES).await?;
        ensure!(stored.is_none(), "a full disk took an event");
    }
    alive(stream, "heartbeat").await?;
    nothing_is_missing(connection, acknowledged).await
}

/// Publishes until it works again, and then some more.
async fn goes_on(connection: &mut Connection, acknowledged: &mut Vec<Kept>) -> Result<Duration> {
    let (before, from) = (acknowledged.len(), Instant::now());
    let mut waited = Duration::ZERO;
    while acknowledged.len() < before + 100 {
        match publish(connection, acknowledged.len(), EVENT_BYTES).await? {
            Some(kept) => {
                acknowledged.push(kept);
                if waited.is_zero() {
                    waited = from.elapsed();
                }
            }
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        ensure!(from.elapsed() < DEADLINE, "publishing does not go on though there is room");
    }
    Ok(waited)
}

/// `None` for a 503 as it should be; any other refusal is an error.
async fn publish(connection: &mut Connection, nth: usize, bytes: usize) -> Result<Option<Kept>> {
    let data = format!("{nth} {}", "x".repeat(bytes));
    let answer = connection.post(TOPIC, "text/plain", data.as_bytes()).await?;
    match answer.status {
        200 => Ok(Some(Kept { id: answer.json::<crate::http::Stored>()?.id, data })),
        503 => {
            ensure!(answer.header("retry-after").is_some(), "a 503 without Retry-After");
            ensure!(
                answer.header("content-type") == Some("application/problem+json"),
                "a 503 without a reason"
            );
            Ok(None)
        }
        status => bail!("publishing is answered {status}: {}", String::from_utf8_lossy(&answer.body)),
    }
}

/// The history is what was acknowledged, in that order.
async fn nothing_is_missing(connection: &mut Connection, acknowledged: &[Kept]) -> Result<()> {
    let kept = history(connection).await?;
    let same = kept.iter().zip(acknowledged).take_while(|(kept, acknowledged)| kept == acknowledged).count();
    ensure!(
        kept == acknowledged,
        "{} events are acknowledged and {} kept; they are the same up to number {same}",
        acknowledged.len(),
        kept.len()
    );
    Ok(())
}

/// All that is kept, page by page.
async fn history(connection: &mut Connection) -> Result<Vec<Kept>> {
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
    alive(&mut stream, "greeting").await?;
    Ok(stream)
}

/// Takes what waits in the stream, then waits for more.
async fn alive(stream: &mut TcpStream, what: &str) -> Result<()> {
    let mut buffer = [0; 4096];
    while stream.try_read(&mut buffer).is_ok_and(|count| count > 0) {}
    let read = tokio::time::timeout(DEADLINE, stream.read(&mut buffer)).await;
    let count = read.with_context(|| format!("no {what} on the stream"))??;
    ensure!(count > 0, "the stream was cut");
    Ok(())
}
