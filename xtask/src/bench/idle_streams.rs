//! Memory and heartbeats of idle subscriptions, with equal selectors and with topics of their own, and whether the server
//! frees their files after a disconnect.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::net::TcpStream;

use super::cores::apart;
use super::figures::{median, ratios, spread};
use super::stamp::Clock;
use super::writes::{Pace, Writes};
use super::{machine, readers, stream};
use crate::server::Server;
use crate::shell;

/// Flags of `cargo xtask bench idle-streams`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Subscriptions to open.
    #[arg(long, default_value_t = 1000)]
    streams: usize,
    /// Seconds to hold them open. Each gets a heartbeat every second.
    #[arg(long, default_value_t = 5)]
    hold: u32,
    /// Rounds; each measures equal selectors, topics of their own and bare writes in turn.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

/// Subscriptions opened and closed before measuring, so that one-time allocations do not count.
const WARM_UP_STREAMS: usize = 20;
const INTERVAL: Duration = Duration::from_secs(1);

/// What subscriptions of one kind cost, one figure for each round.
#[derive(Default)]
struct Cost {
    kibibytes: Vec<f64>,
    /// CPU time of a heartbeat.
    micros: Vec<f64>,
    /// Seconds until the open files are as few as before.
    freed: Vec<f64>,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let (mut equal, mut own, mut bare) = (Cost::default(), Cost::default(), Vec::new());
    for _ in 0..args.rounds {
        equal.add(&args, |_| "/events?topic=quiet".to_owned()).await?;
        own.add(&args, |nth| format!("/events?topic=quiet/{nth}")).await?;
        bare.push(micros_of_bare_writes(&args).await?);
    }
    machine::print_heading();
    println!("measured  {} rounds, {} idle streams held for {} s", args.rounds, args.streams, args.hold);
    for (what, cost) in [("equal selectors", &equal), ("topics of their own", &own)] {
        println!("\n{what}");
        println!("  resident memory  {} KiB each", spread(&cost.kibibytes));
        println!(
            "  heartbeat        {:.2} µs of processor against {:.2} µs of bare writes, ratio {}",
            median(&cost.micros),
            median(&bare),
            spread(&ratios(&cost.micros, &bare))
        );
        println!("  open files       as before {:.2} s after the cut", median(&cost.freed));
    }
    Ok(())
}

impl Cost {
    /// Opens the streams at these paths of a new server, so that its memory is theirs.
    async fn add(&mut self, args: &Args, path: impl Fn(usize) -> String) -> Result<()> {
        let data = shell::scratch_folder("bench")?;
        let server = apart(|| Server::start(data.path(), &["--apps", "none", "--heartbeat", "1s"]))?;
        drop(open(&server, (0..WARM_UP_STREAMS).map(&path)).await?);
        tokio::time::sleep(INTERVAL).await;
        let (files, memory) = (server.open_files()?, server.resident_bytes()?);

        let streams = open(&server, (0..args.streams).map(&path)).await?;
        ensure!(server.open_files()? >= files + args.streams, "a stream has no open file");
        let (early, before) = (take_heartbeats(&streams)?, server.cpu_time()?);
        tokio::time::sleep(INTERVAL * args.hold).await;
        let (cpu, heartbeats) = (server.cpu_time()? - before, take_heartbeats(&streams)?);
        let held = server.resident_bytes()?;
        ensure!(heartbeats > 0, "no heartbeat has come, only {early} while the streams opened");
        ensure!(server.open_files()? >= files + args.streams, "a stream was cut");
        drop(streams);
        self.freed.push(readers::files_back(&server, files).await?.as_secs_f64());
        self.kibibytes.push(held.saturating_sub(memory) as f64 / 1024.0 / args.streams as f64);
        self.micros.push(cpu.as_secs_f64() * 1e6 / heartbeats as f64);
        Ok(())
    }
}

async fn open(server: &Server, paths: impl Iterator<Item = String>) -> Result<Vec<TcpStream>> {
    stream::open_each(&server.address, stream::GREETING, paths).await
}

/// The heartbeats that have arrived.
fn take_heartbeats(streams: &[TcpStream]) -> Result<usize> {
    let mut buffer = [0; 4096];
    let mut count = 0;
    for stream in streams {
        let bytes = match stream.try_read(&mut buffer) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error.into()),
        };
        count += memchr::memmem::find_iter(buffer.get(..bytes).unwrap_or_default(), b": heartbeat").count();
    }
    Ok(count)
}

/// CPU time of writing a heartbeat to one of as many sockets.
async fn micros_of_bare_writes(args: &Args) -> Result<f64> {
    let mut writes = apart(|| Writes::listen(args.streams))?;
    let _streams = stream::open_many(&writes.address, "/", args.streams).await?;
    let pace = Pace { events: args.hold, interval: INTERVAL, data_bytes: 0, clock: Clock::new() };
    let cpu = writes.write(pace)?;
    Ok(cpu.as_secs_f64() * 1e6 / (args.streams as f64 * f64::from(args.hold)))
}
