//! The arguments of `bench` and their help. Does nothing but parse.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use sse_client::reqwest::Url;
use sse_core::Topic;

use super::stamp;
use crate::address;
use crate::connection::ConnectionArgs;
use crate::secret::Secret;

/// More connections that publish are not made: each is a sequence of its own in every stream's books.
pub(super) const MAX_PUBLISHERS: usize = 256;
/// What a connection that waits for each answer can be trusted to publish in a second.
const RATE_PER_PUBLISHER: f64 = 200.0;
/// The highest number of connections that are made without being asked for.
const MAX_OWN_PUBLISHERS: usize = 64;
/// One event may be as large as what the decoder takes.
const MAX_SIZE: usize = 1 << 20;

#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// The stream: a URL, `host:port/path` or `:port/path`; http unless it says https, and /events if it has
    /// no path
    #[arg(default_value = address::DEFAULT, value_parser = Secret::parser(address::parse))]
    pub(super) url: Secret<Url>,

    /// Ask for this topic only, for example `chat/lobby`, `chat/*` or `*` [repeatable]
    #[arg(short, long = "topic", value_name = "TOPIC")]
    pub(super) topics: Vec<String>,

    /// Streams to hold open at once
    #[arg(short = 'n', long, value_name = "N", default_value = "100")]
    pub(super) streams: NonZeroUsize,

    /// Open the streams evenly over this time; 0s is as fast as they open
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    pub(super) ramp: Duration,

    /// How long to measure once the streams are open
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(super) duration: Duration,

    /// Publish, to tell latency, loss, repeats and order: a URL that takes POST (also `:port/path`, or `/path` of
    /// the stream's server), or a TOPIC of the hub. Without it, whatever the stream sends is counted
    #[arg(short, long, value_name = "URL|TOPIC", value_parser = Secret::parser(target))]
    pub(super) publish: Option<Secret<Target>>,

    /// Events to publish in a second
    #[arg(short, long, value_name = "R", default_value = "10", value_parser = rate, requires = "publish")]
    pub(super) rate: f64,

    /// Bytes of data of each published event, from 34 on
    #[arg(short, long, value_name = "B", default_value = "100", value_parser = size, requires = "publish")]
    pub(super) size: usize,

    /// Connections that publish, 1 to 256, each waiting for its answers [default: one for each 200 events/s, at
    /// most 64]
    #[arg(long, value_name = "N", value_parser = publishers, requires = "publish")]
    publishers: Option<usize>,

    /// Open streams from this address, taking turns [repeatable; default: the system's choice, and for a server on
    /// 127.x.x.x as many of 127.0.0.1, 127.0.0.2, … as the ports need]
    #[arg(long = "source", value_name = "ADDR")]
    #[cfg_attr(unix, arg(conflicts_with = "unix_socket"))]
    pub(super) sources: Vec<IpAddr>,

    /// Threads that read
    #[arg(long, value_name = "N", default_value = "1")]
    pub(super) threads: NonZeroUsize,

    /// Report processor time and memory of this process, the server's [repeatable; Linux]
    #[arg(long = "pid", value_name = "PID")]
    pub(super) pids: Vec<u32>,

    /// Print the report as one JSON object
    #[arg(long)]
    pub(super) json: bool,

    /// Draw the latencies into this file, an SVG image
    #[arg(long, value_name = "FILE", requires = "publish")]
    pub(super) svg: Option<PathBuf>,

    /// Show no progress, say nothing on stderr but what failed
    #[arg(short, long)]
    pub(super) quiet: bool,

    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

impl BenchArgs {
    /// Connections that publish.
    pub(super) fn publishers(&self) -> usize {
        let own = (self.rate / RATE_PER_PUBLISHER).ceil() as usize;
        self.publishers.unwrap_or(own.clamp(1, MAX_OWN_PUBLISHERS))
    }
}

/// Where events are published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Url(Url),
    /// Of the server that has the stream.
    Path(String),
    Topic(Topic),
}

fn target(text: &str) -> Result<Target, String> {
    if text.contains("://") || text.starts_with(':') {
        return address::parse_base(text).map(Target::Url).map_err(|error| error.to_string());
    }
    if text.starts_with('/') {
        return Ok(Target::Path(text.to_owned()));
    }
    Topic::new(text).map(Target::Topic).map_err(|error| format!("neither a URL nor a topic: {error}"))
}

fn duration(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let longest = Duration::from_secs(24 * 3600);
    if time.is_zero() || time > longest {
        return Err("not between 1ms and 24h".to_owned());
    }
    Ok(time)
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate: f64 = text.parse().map_err(|_| "not a number")?;
    if (0.001..=1e6).contains(&rate) { Ok(rate) } else { Err("not between 0.001 and 1000000") }
}

fn size(text: &str) -> Result<usize, String> {
    let size: usize = text.parse().map_err(|_| "not a whole number")?;
    if (stamp::BYTES..=MAX_SIZE).contains(&size) {
        return Ok(size);
    }
    Err(format!("not between {}, what number and time of an event take, and {MAX_SIZE}", stamp::BYTES))
}

fn publishers(text: &str) -> Result<usize, String> {
    let count: usize = text.parse().map_err(|_| "not a whole number")?;
    if (1..=MAX_PUBLISHERS).contains(&count) {
        Ok(count)
    } else {
        Err(format!("not between 1 and {MAX_PUBLISHERS}"))
    }
}

pub(crate) const AFTER_HELP: &str = "\
Examples:
  sse-cli bench :3000/events --streams 1000
      hold 1,000 streams of any server, and count what comes
  sse-cli bench --topic load --publish load --streams 1000 --rate 100
      publish 100 events/s to the topic `load` of this machine's hub
  sse-cli bench https://example.com/sub --publish https://example.com/pub
      any server that takes events by POST
  sse-cli bench --publish load --pid $(pidof sse-server) --svg latency.svg
      what it costs the server, and how latency is spread

Latency counts from the moment an event was due to be published, not from
when its turn came: a server that stalls is charged for all that had to
wait. Each event carries its number and that moment in its data. Streams
that are cut are counted and stay closed.

The report goes to stdout. `lost` is what was acknowledged to the publisher
but did not come in on a stream that had opened.

Exit status:
    0  measured, whatever came out
    1  failed: no stream opened, or nothing could be published
    2  wrong usage
    4  refused by the server (4xx)
    5  the server is in trouble (5xx)
  130  stopped by Ctrl-C, after a report of what was measured so far
  143  stopped by SIGTERM, the same";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_url_a_path_or_a_topic() {
        assert_eq!(
            target(":3000/pub?id=a"),
            Ok(Target::Url(Url::parse("http://127.0.0.1:3000/pub?id=a").unwrap()))
        );
        assert_eq!(
            target("https://x.example/p"),
            Ok(Target::Url(Url::parse("https://x.example/p").unwrap()))
        );
        assert_eq!(target("/pub"), Ok(Target::Path("/pub".into())));
        assert_eq!(target("chat/lobby"), Ok(Target::Topic(Topic::new("chat/lobby").unwrap())));
        assert!(target("a b").unwrap_err().contains("neither a URL nor a topic"));
    }

    #[test]
    fn wrong_values_are_refused() {
        assert!(["0", "-1", "x", "2e6", "NaN"].iter().all(|text| rate(text).is_err()));
        assert!(["33", "0", "1048577", "x"].iter().all(|text| size(text).is_err()));
        assert!(["0", "257"].iter().all(|text| publishers(text).is_err()));
        assert!(["0s", "25h", "10"].iter().all(|text| duration(text).is_err()));
    }
}
