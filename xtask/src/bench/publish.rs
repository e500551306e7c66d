//! Throughput of durable publishing: one publisher, many and batches, over TCP and over a Unix socket.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use super::figures::{median, per_second, thousands};
use super::{disk, machine};
use crate::http::Connection;
use crate::server::Server;
use crate::shell;

/// Flags of `cargo xtask bench publish`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Concurrent publishers.
    #[arg(long, default_value_t = 64)]
    publishers: usize,
    /// Rounds; each measures all variants in turn.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds for each variant in each round.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

const TOPIC: &str = "bench/publish";
const EVENT: [u8; 200] = [b'x'; 200];
const BATCH: u64 = 1000;

pub(super) async fn run(args: Args) -> Result<()> {
    let data = shell::scratch_folder("bench")?;
    // In the temporary folder, because the path of a socket has to be short.
    let sockets = tempfile::tempdir()?;
    let socket = sockets.path().join("hub.sock");
    let server = Server::start(data.path(), &["--unix-socket", &socket.to_string_lossy()])?;
    let time = Duration::from_secs_f64(args.seconds);
    machine::print_heading();
    println!("measured  {} rounds of {} s each, events of {} bytes", args.rounds, args.seconds, EVENT.len());
    disk::print_sync_time(data.path(), time)?;
    let mut rates: [Vec<f64>; 5] = Default::default();
    for _ in 0..args.rounds {
        let over_tcp = || Connection::open(&server.address);
        let over_unix = || Connection::open_unix(&socket);
        let round = [
            singles(over_tcp, 1, time).await?,
            singles(over_tcp, args.publishers, time).await?,
            singles(over_unix, 1, time).await?,
            singles(over_unix, args.publishers, time).await?,
            in_batches(&server, time).await?,
        ];
        rates.iter_mut().zip(round).for_each(|(rates, rate)| rates.push(rate));
    }
    let [one, many, one_unix, many_unix, batches] = rates.map(|rates| median(&rates));
    let row = |what: String, rate: f64, against: f64| {
        println!("{what:<31} {:>9} events/s, {:.1} times", thousands(rate), rate / against);
    };
    let publishers = args.publishers;
    row("1 publisher".to_owned(), one, one);
    row(format!("{publishers} publishers"), many, one);
    row("1 publisher, Unix socket".to_owned(), one_unix, one_unix);
    row(format!("{publishers} publishers, Unix socket"), many_unix, one_unix);
    row(format!("1 publisher, batches of {BATCH}"), batches, one);
    Ok(())
}

/// Events per second of publishers that each wait for the response before the next event.
async fn singles<S>(
    open: impl AsyncFn() -> Result<Connection<S>>,
    publishers: usize,
    time: Duration,
) -> Result<f64>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut connections = Vec::new();
    for _ in 0..publishers {
        connections.push(open().await?);
    }
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let request = connection.request(TOPIC, "text/plain", &EVENT);
        tasks.spawn(async move {
            let mut count = 0_u64;
            while start.elapsed() < time {
                connection.send_prepared(&request).await?;
                count += 1;
            }
            anyhow::Ok(count)
        });
    }
    let mut count = 0;
    while let Some(done) = tasks.join_next().await {
        count += done??;
    }
    Ok(per_second(count, start.elapsed()))
}

/// Events per second of one connection that sends batch after batch.
async fn in_batches(server: &Server, time: Duration) -> Result<f64> {
    let event = serde_json::json!({ "data": String::from_utf8_lossy(&EVENT) }).to_string() + "\n";
    let batch = event.repeat(BATCH as usize);
    let mut connection = Connection::open(&server.address).await?;
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < time {
        connection.publish_batch(TOPIC, batch.as_bytes()).await?;
        count += BATCH;
    }
    Ok(per_second(count, start.elapsed()))
}
