//! CPU time of a publish when each subscriber has a topic of its own: what few and many subscribers make of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::cores::apart;
use super::figures::{median, ratios, spread};
use super::foreign_server::ForeignServer;
use super::publisher::{Post, publish};
use super::readers::Readers;
use super::stamp::Clock;
use super::writes::Pace;
use super::{machine, stream};
use crate::http::Connection;
use crate::server::Server;
use crate::shell;

/// Flags of `cargo xtask bench own-topics`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Numbers of subscribers, from few to many.
    #[arg(long, value_delimiter = ',', default_value = "100,16000")]
    streams: Vec<usize>,
    /// Events per second.
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// Connections that publish.
    #[arg(long, default_value_t = 8)]
    publishers: usize,
    /// Rounds; each measures every server with every number of subscribers.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds for each of them in each round.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Also Centrifugo with its engine in memory. Installs it with Go.
    #[arg(long)]
    centrifugo: bool,
}

const DATA_BYTES: usize = 100;
/// Topics that are published to, at most: the server has 10,000.
const TOPICS: usize = 8000;
/// Prime, so that neighbours do not follow each other.
const STRIDE: usize = 7919;

/// The servers, by where their topics are.
#[derive(Debug, Clone, Copy)]
enum Hub {
    Disk,
    Memory,
    Centrifugo,
}

enum Running {
    Ours(Server),
    Centrifugo(ForeignServer),
}

pub(super) async fn run(args: Args) -> Result<()> {
    if args.centrifugo {
        ForeignServer::need_centrifugo()?;
    }
    let hubs = [Some(Hub::Disk), Some(Hub::Memory), args.centrifugo.then_some(Hub::Centrifugo)];
    let mut rows =
        Vec::from_iter(hubs.into_iter().flatten().map(|hub| (hub, vec![Vec::new(); args.streams.len()])));
    for _ in 0..args.rounds {
        for (hub, figures) in &mut rows {
            for (streams, micros) in args.streams.iter().zip(figures) {
                let measured = hub.micros(*streams, &args).await;
                micros.push(measured.with_context(|| format!("{hub:?} with {streams} subscribers"))?);
            }
        }
    }
    machine::print_heading();
    println!(
        "measured  {} rounds of {} s each, {} events/s over {} connections, µs of processor a publish",
        args.rounds, args.seconds, args.rate, args.publishers
    );
    println!("{:<12}{}   last against first", "", cells(&args.streams));
    for (hub, figures) in &rows {
        let medians = figures.iter().map(|micros| format!("{:.0}", median(micros)));
        let ratio = figures.first().zip(figures.last()).map(|(few, many)| spread(&ratios(many, few)));
        println!("{:<12}{}   {}", format!("{hub:?}"), cells(medians), ratio.unwrap_or_default());
    }
    Ok(())
}

fn cells<T: std::fmt::Display>(figures: impl IntoIterator<Item = T>) -> String {
    figures.into_iter().map(|figure| format!("{figure:>8}")).collect()
}

impl Hub {
    /// CPU time of a publish in microseconds, with this many subscribers of a new server.
    async fn micros(self, streams: usize, args: &Args) -> Result<f64> {
        let data = shell::scratch_folder("bench")?;
        let hub = apart(|| self.start(data.path()))?;
        let used = streams.min(TOPICS);
        let topic = |nth: usize| nth * STRIDE % used * streams / used;
        hub.make_topics((0..used).map(topic)).await?;
        let clock = Clock::new();
        let opened = stream::open_each(hub.address(), hub.greeting(), (0..streams).map(|nth| hub.path(nth)));
        let readers = Readers::start(opened.await?, clock)?;
        let events = (args.seconds * f64::from(args.rate)).ceil() as u32;
        let pace =
            Pace { events, interval: Duration::from_secs(1) / args.rate, data_bytes: DATA_BYTES, clock };
        let before = hub.cpu_time()?;
        publish(hub.address(), args.publishers, pace, |nth, data| hub.post(topic(nth as usize), data))
            .await?;
        readers.wait_for(u64::from(events)).await?;
        let cpu = hub.cpu_time()? - before;
        ensure!(readers.deliveries() == u64::from(events), "an event has come to two subscribers");
        Ok(cpu.as_secs_f64() * 1e6 / f64::from(events))
    }

    fn start(self, data: &std::path::Path) -> Result<Running> {
        let ours = |data| Ok(Running::Ours(Server::start(data, &["--apps", "none"])?));
        match self {
            Self::Disk => ours(data),
            Self::Memory => ours("off".as_ref()),
            Self::Centrifugo => Ok(Running::Centrifugo(ForeignServer::centrifugo(data)?)),
        }
    }
}

/// The topic of a subscriber. One first segment could not have all of them.
fn own(nth: usize) -> String {
    format!("own-{}/{nth}", nth % 8)
}

impl Running {
    /// A topic exists from its first event, whose cost is not to be measured.
    async fn make_topics(&self, topics: impl Iterator<Item = usize>) -> Result<()> {
        let Self::Ours(server) = self else { return Ok(()) };
        let lines: String =
            topics.map(|nth| format!("{{\"topic\":\"{}\",\"data\":1}}\n", own(nth))).collect();
        let mut connection = Connection::open(&server.address).await?;
        let request = connection.post_request("/topics", "application/x-ndjson", lines.as_bytes());
        connection.send_prepared(&request).await
    }

    fn address(&self) -> &str {
        match self {
            Self::Ours(server) => &server.address,
            Self::Centrifugo(server) => &server.address,
        }
    }

    fn cpu_time(&self) -> Result<Duration> {
        match self {
            Self::Ours(server) => server.cpu_time(),
            Self::Centrifugo(server) => server.cpu_time(),
        }
    }

    fn greeting(&self) -> &str {
        match self {
            Self::Ours(_) => stream::GREETING,
            Self::Centrifugo(_) => "\"connect\"",
        }
    }

    fn path(&self, nth: usize) -> String {
        match self {
            Self::Ours(_) => format!("/events?topic={}", own(nth)),
            Self::Centrifugo(_) => {
                format!("/connection/uni_sse?cf_connect=%7B%22subs%22:%7B%22own-{nth}%22:%7B%7D%7D%7D")
            }
        }
    }

    fn post(&self, nth: usize, data: String) -> Post {
        match self {
            Self::Ours(_) => Post::event(&own(nth), data),
            Self::Centrifugo(_) => Post {
                path: "/api/publish".to_owned(),
                body: format!("{{\"channel\":\"own-{nth}\",\"data\":\"{data}\"}}"),
            },
        }
    }
}
