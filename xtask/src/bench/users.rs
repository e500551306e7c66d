//! Subscribers of one topic for all and one of their own, by what they ask for or by what their tokens grant, against as many with
//! equal selectors and as many deliveries.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::cores::apart;
use super::figures::{median, ratios, spread};
use super::publisher::{Post, publish};
use super::readers::Readers;
use super::stamp::Clock;
use super::writes::Pace;
use super::{machine, stream};
use crate::server::Server;
use crate::shell;

/// Flags of `cargo xtask bench users`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Subscribers.
    #[arg(long, default_value_t = 1000)]
    streams: usize,
    /// Events per second to all.
    #[arg(long, default_value_t = 10)]
    broadcasts: u32,
    /// For each of these, events to one user.
    #[arg(long, default_value_t = 20)]
    singles: u32,
    /// Bytes of data of one event.
    #[arg(long, default_value_t = 1000)]
    data_bytes: usize,
    /// Events to all before measuring: what the server holds in memory is then full.
    #[arg(long, default_value_t = 1200)]
    fill: u32,
    /// Rounds; each measures both in turn.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds for each in each round.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// All ask for every topic, each with a token of its own that grants these two.
    #[arg(long)]
    grants: bool,
}

const PUBLISHERS: usize = 8;
const SETTINGS: &str = r#"
[auth]
url_tokens = true
[[auth.jwt]]
algorithm = "HS256"
secret = "a secret of the bench, of no use elsewhere"
[auth.anonymous]
publish = ["*"]
"#;

/// A server with its subscribers.
struct Audience {
    server: Server,
    readers: Readers,
    /// Deliveries of one event to all and of its share of events to users.
    deliveries: u64,
    /// Deliveries published so far.
    published: u64,
    /// CPU time of a delivery, one figure for each round.
    micros: Vec<f64>,
    _data: TempDir,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let clock = Clock::new();
    let pace = |events, interval| Pace { events, interval, data_bytes: args.data_bytes, clock };
    let all = args.streams as u64;
    let mut own =
        Audience::new(&args, clock, all + u64::from(args.singles), |nth| format!("user/{nth}")).await?;
    // Events to users are published too, but nobody wants them.
    let mut equal = Audience::new(&args, clock, all, |_| "nobody".to_owned()).await?;
    for audience in [&mut own, &mut equal] {
        publish(&audience.server.address, PUBLISHERS, pace(args.fill, Duration::ZERO), |_, data| {
            Post::event("broadcast", data)
        })
        .await?;
        audience.wait_for(u64::from(args.fill) * all).await?;
    }
    let period = 1 + args.singles;
    let broadcasts = (args.seconds * f64::from(args.broadcasts)).ceil() as u32;
    let pace = pace(broadcasts * period, Duration::from_secs(1) / (args.broadcasts * period));
    for _ in 0..args.rounds {
        for audience in [&mut own, &mut equal] {
            audience.measure(&args, pace, u64::from(broadcasts)).await?;
        }
    }
    machine::print_heading();
    println!(
        "measured  {} rounds of {} s each, {} subscribers{}, {} events/s to all and {} to one each, {} bytes of data",
        args.rounds,
        args.seconds,
        args.streams,
        if args.grants { " of * with a token each" } else { "" },
        args.broadcasts,
        args.broadcasts * args.singles,
        args.data_bytes
    );
    for (what, audience) in [("broadcast and user/N", &own), ("equal selectors", &equal)] {
        let (micros, memory) = (median(&audience.micros), audience.server.resident_bytes()? as f64 / 1e6);
        println!("{what:<21} {micros:>6.2} µs of processor a delivery, {memory:.1} MB resident");
    }
    println!("{:<21} {}", "ratio", spread(&ratios(&own.micros, &equal.micros)));
    Ok(())
}

impl Audience {
    async fn new(
        args: &Args,
        clock: Clock,
        deliveries: u64,
        second: impl Fn(usize) -> String,
    ) -> Result<Self> {
        let data = shell::scratch_folder("bench")?;
        let settings = data.path().join("hub.toml");
        std::fs::write(&settings, SETTINGS)?;
        let settings = settings.display().to_string();
        let flags: &[&str] = if args.grants { &["--config", &settings] } else { &[] };
        let server = apart(|| Server::start(data.path(), &[&["--apps", "none"], flags].concat()))?;
        let path = |nth| {
            let second = second(nth);
            Ok(match args.grants {
                true => format!("/events?topic=*&access_token={}", token(&settings, &second)?),
                false => format!("/events?topic=broadcast&topic={second}"),
            })
        };
        let paths = (0..args.streams).map(path).collect::<Result<Vec<_>>>()?;
        let streams = stream::open_each(&server.address, stream::GREETING, paths.into_iter()).await?;
        let readers = Readers::start(streams, clock)?;
        Ok(Self { server, readers, deliveries, published: 0, micros: Vec::new(), _data: data })
    }

    async fn wait_for(&mut self, deliveries: u64) -> Result<()> {
        self.published += deliveries;
        self.readers.wait_for(self.published).await
    }

    async fn measure(&mut self, args: &Args, pace: Pace, broadcasts: u64) -> Result<()> {
        let before = self.server.cpu_time()?;
        publish(&self.server.address, PUBLISHERS, pace, |nth, data| {
            let topic = match nth % (1 + args.singles) {
                0 => "broadcast".to_owned(),
                _ => format!("user/{}", nth as usize % args.streams),
            };
            Post::event(&topic, data)
        })
        .await?;
        let deliveries = broadcasts * self.deliveries;
        self.wait_for(deliveries).await?;
        let cpu = self.server.cpu_time()? - before;
        self.micros.push(cpu.as_secs_f64() * 1e6 / deliveries as f64);
        Ok(())
    }
}

/// A token for what is sent to all and for this topic.
fn token(settings: &str, topic: &str) -> Result<String> {
    let mut command = shell::program(shell::server_binary());
    command.args(["token", "--config", settings, "--subscribe", "broadcast", "--subscribe", topic]);
    let output = command.output().context("cannot run sse-server token")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
