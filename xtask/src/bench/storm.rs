//! Many connections at once that each resume, against as many that open an event stream without events.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::future::try_join_all;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::cores::apart;
use super::figures::{median, ratios, spread};
use super::{machine, readers, stream};
use crate::http::Connection;
use crate::server::Server;
use crate::shell;

/// Flags of `cargo xtask bench storm`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Connections at once.
    #[arg(long, default_value_t = 10_000)]
    streams: usize,
    /// Events that each resumes.
    #[arg(long, default_value_t = 100)]
    events: usize,
    /// Bytes of data of one event.
    #[arg(long, default_value_t = 100)]
    data_bytes: usize,
    /// Rounds; each measures both in turn.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

/// Connections without an answer, at most: more would not fit the listener's queue, and try again after a second.
const OPENING: usize = 1000;
const BUFFER: usize = 64 << 10;
/// Longest wait for all.
const DEADLINE: Duration = Duration::from_secs(60);

pub(super) async fn run(args: Args) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let data = shell::scratch_folder("bench")?;
    let server = apart(|| Server::start(data.path(), &["--apps", "none"]))?;
    let mut connection = Connection::open(&server.address).await?;
    let first = connection.publish("storm", b"before").await?;
    let line = format!("{{\"data\":\"~{}\"}}\n", "x".repeat(args.data_bytes - 1));
    connection.publish_batch("storm", line.repeat(args.events).as_bytes()).await?;
    let files = server.open_files()?;
    let resume = format!("/events?topic=storm&last_event_id={first}");
    let (mut resumed, mut empty) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        resumed.push(storm(&server.address, &resume, args.streams, b"~", args.events).await?);
        readers::files_back(&server, files).await?;
        let greeting = stream::GREETING.as_bytes();
        empty.push(storm(&server.address, "/events?topic=quiet", args.streams, greeting, 1).await?);
        readers::files_back(&server, files).await?;
    }
    machine::print_heading();
    println!(
        "measured  {} rounds, {} connections at once until all have everything",
        args.rounds, args.streams
    );
    println!("resume {} events   {:.2} s", args.events, median(&resumed));
    println!("no events           {:.2} s", median(&empty));
    println!("ratio               {}", spread(&ratios(&resumed, &empty)));
    println!("resident memory     {} MiB afterwards", server.resident_bytes()? >> 20);
    Ok(())
}

/// Seconds until each of the new connections has got `count` of these marks.
async fn storm(address: &str, path: &str, streams: usize, mark: &[u8], count: usize) -> Result<f64> {
    let (opening, buffer) = (Semaphore::new(OPENING), RefCell::new(vec![0; BUFFER]));
    let one = async || {
        let permit = opening.acquire().await?;
        let mut stream = stream::connect(address).await?;
        stream::request(&mut stream, address, path, "").await?;
        stream.readable().await?;
        drop(permit);
        let mut seen = 0;
        while seen < count {
            stream.readable().await?;
            seen += marks(&stream, &mut buffer.borrow_mut(), mark)?;
        }
        anyhow::Ok(stream)
    };
    let start = Instant::now();
    let all = try_join_all((0..streams).map(|_| one()));
    // They stay open until all have everything.
    let _streams = tokio::time::timeout(DEADLINE, all).await.context("not all have everything")??;
    Ok(start.elapsed().as_secs_f64())
}

/// Marks in what has arrived. A greeting arrives whole.
fn marks(stream: &TcpStream, buffer: &mut [u8], mark: &[u8]) -> Result<usize> {
    match stream.try_read(buffer) {
        Ok(0) => bail!("a stream was cut"),
        Ok(bytes) => Ok(memchr::memmem::find_iter(buffer.get(..bytes).unwrap_or_default(), mark).count()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        Err(error) => Err(error.into()),
    }
}
