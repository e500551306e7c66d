//! CPU time of one delivery at a steady pace, against bare writes to as many sockets.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::figures::{median, percentile, spread};
use super::readers::Readers;
use super::stamp::Clock;
use super::writes::{Pace, Writes};
use super::{machine, stream};
use crate::http::Connection;
use crate::server::Server;
use crate::shell;

/// Flags of `cargo xtask bench fanout`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Subscriptions, all to one topic.
    #[arg(long, default_value_t = 1000)]
    streams: usize,
    /// Events per second.
    #[arg(long, default_value_t = 20)]
    rate: u32,
    /// Rounds; each measures server and bare writes in turn.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds for each of them in each round.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Bytes of data of one event.
    #[arg(long, default_value_t = 100)]
    data_bytes: usize,
}

pub(super) const TOPIC: &str = "bench/fanout";
pub(super) const PATH: &str = "/events?topic=bench/fanout";

pub(super) async fn run(args: Args) -> Result<()> {
    let clock = Clock::new();
    let data = shell::scratch_folder("bench")?;
    let server = Server::start(data.path(), &[])?;
    let writes = Writes::listen(args.streams)?;
    let of_server = Readers::start(stream::open_many(&server.address, PATH, args.streams).await?, clock)?;
    let of_writes = Readers::start(stream::open_many(&writes.address, "/", args.streams).await?, clock)?;
    let events = (args.seconds * f64::from(args.rate)).ceil() as u32;
    let interval = Duration::from_secs(1) / args.rate;
    let pace = Pace { events, interval, data_bytes: args.data_bytes, clock };
    let (mut server_micros, mut write_micros) = (Vec::new(), Vec::new());
    let deliveries = u64::from(events) * args.streams as u64;
    let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / deliveries as f64;
    for round in 1..=u64::from(args.rounds) {
        let before = server.cpu_time()?;
        publish(&server.address, pace).await?;
        of_server.wait_for(deliveries * round).await?;
        server_micros.push(each(server.cpu_time()? - before));
        write_micros.push(each(writes.write(pace).await?));
        of_writes.wait_for(deliveries * round).await?;
    }
    machine::print_heading();
    println!(
        "measured  {} rounds of {} s each, {} streams, {} events/s with {} bytes of data",
        args.rounds, args.seconds, args.streams, args.rate, args.data_bytes
    );
    print_row("sse-server", &server_micros, &of_server);
    print_row("bare writes", &write_micros, &of_writes);
    let ratios: Vec<f64> =
        server_micros.iter().zip(&write_micros).map(|(server, bare)| server / bare).collect();
    println!("ratio        {}", spread(&ratios));
    Ok(())
}

fn print_row(what: &str, micros: &[f64], readers: &Readers) {
    let (micros, latencies) = (median(micros), readers.take_latencies());
    let (p50, p99) = (percentile(&latencies, 50.0), percentile(&latencies, 99.0));
    println!("{what:<12} {micros:>7.2} µs of processor a delivery, latency p50 {p50:.2} ms, p99 {p99:.2} ms");
}

/// Publishes at a steady pace.
pub(super) async fn publish(address: &str, pace: Pace) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    let start = Instant::now();
    for nth in 0..pace.events {
        tokio::time::sleep((pace.interval * nth).saturating_sub(start.elapsed())).await;
        connection.publish(TOPIC, pace.clock.data(pace.data_bytes).as_bytes()).await?;
    }
    Ok(())
}
