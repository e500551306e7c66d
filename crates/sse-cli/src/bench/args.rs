//! The arguments of `bench` and their help.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use sse_client::reqwest::Url;
use sse_core::Topic;

use super::stamp;
use crate::address::{self, StreamArgs};
use crate::connection::ConnectionArgs;
use crate::secret::Secret;
use crate::status::StatusArgs;
use crate::values;

/// Every stream tracks the sequence of each publisher.
const MAX_PUBLISHERS: u64 = 256;
/// Events per second that a connection can publish if it waits for each response.
const RATE_PER_PUBLISHER: f64 = 200.0;
/// Most publishers by default.
const MAX_DEFAULT_PUBLISHERS: usize = 64;
const MAX_SIZE: u64 = 1 << 20;
/// Of a measurement.
const DURATION: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(24 * 3600);

#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    pub(super) stream: StreamArgs,

    /// Request only this topic, for example `chat/lobby`, `chat/*` or `*` [repeatable]
    #[arg(short, long = "topic", value_name = "TOPIC")]
    pub(super) topics: Vec<String>,

    /// Streams to keep open
    #[arg(short = 'n', long, value_name = "N", default_value = "100", value_parser = values::positive::<usize>)]
    pub(super) streams: usize,

    /// Open the streams evenly over this time; 0s: as fast as possible
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = values::duration)]
    pub(super) ramp: Duration,

    /// How long to measure after the streams are open
    #[arg(short, long, value_name = "TIME", default_value = "10s")]
    #[arg(value_parser = |text: &str| values::duration_in(text, DURATION))]
    pub(super) duration: Duration,

    /// Publish, to measure latency, loss, duplicates and order: a URL that accepts POST (also `:port/path`, or `/path` on
    /// the stream's server), or a TOPIC of the hub. Without it, the events of the stream are only counted
    #[arg(short, long, value_name = "URL|TOPIC", value_parser = Secret::parser(target))]
    pub(super) publish: Option<Secret<Target>>,

    /// Events to publish per second
    #[arg(short, long, value_name = "R", default_value = "10", value_parser = rate, requires = "publish")]
    pub(super) rate: f64,

    /// Bytes of data of each published event, at least 34
    #[arg(short, long, value_name = "B", default_value = "100", value_parser = size, requires = "publish")]
    pub(super) size: usize,

    /// Connections that publish, 1 to 256; each waits for every response [default: one per 200 events/s, at most 64]
    #[arg(long, value_name = "N", requires = "publish")]
    #[arg(value_parser = |text: &str| values::integer::<usize>(text, 1..=MAX_PUBLISHERS))]
    publishers: Option<usize>,

    /// Open streams from this local address, round-robin [repeatable; default: the system's choice, and for a server on
    /// 127.x.x.x as many of 127.0.0.1, 127.0.0.2, … as the streams need ports]
    #[arg(long = "source", value_name = "ADDR", value_parser = source)]
    #[cfg_attr(unix, arg(conflicts_with = "unix_socket"))]
    pub(super) sources: Vec<IpAddr>,

    /// Threads that read
    #[arg(long, value_name = "N", default_value = "1", value_parser = values::positive::<usize>)]
    pub(super) threads: usize,

    /// Report CPU time and memory of this process of the server [repeatable; Linux]
    #[arg(long = "pid", value_name = "PID", value_parser = values::positive::<u32>)]
    pub(super) pids: Vec<u32>,

    /// Print the report as one JSON object
    #[arg(long)]
    pub(super) json: bool,

    /// Plot the latencies into this SVG file
    #[arg(long, value_name = "FILE", requires = "publish")]
    pub(super) svg: Option<PathBuf>,

    #[command(flatten)]
    pub(super) status: StatusArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

impl BenchArgs {
    pub(super) fn publishers(&self) -> usize {
        let default = (self.rate / RATE_PER_PUBLISHER).ceil() as usize;
        self.publishers.unwrap_or(default.clamp(1, MAX_DEFAULT_PUBLISHERS))
    }
}

/// Where events are published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Url(Url),
    /// On the server of the stream.
    Path(String),
    Topic(Topic),
}

fn target(text: &str) -> Result<Target, String> {
    if text.contains("://") || text.starts_with(':') {
        return address::parse_with(text, "/").map(Target::Url).map_err(|error| error.to_string());
    }
    if text.starts_with('/') {
        return Ok(Target::Path(text.to_owned()));
    }
    Topic::new(text).map(Target::Topic).map_err(|error| format!("expected a URL or a topic: {error}"))
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate| (0.001..=1e6).contains(rate));
    rate.ok_or("expected a number from 0.001 to 1000000")
}

fn size(text: &str) -> Result<usize, String> {
    values::integer(text, stamp::BYTES as u64..=MAX_SIZE)
}

fn source(text: &str) -> Result<IpAddr, &'static str> {
    text.parse().map_err(|_| "expected an IP address of this machine")
}

pub(crate) const AFTER_HELP: &str = "\
Examples:
  sse-cli bench :3000/events --streams 1000
      open 1,000 streams of any server, and count the events
  sse-cli bench --topic load --publish load --streams 1000 --rate 100
      publish 100 events/s to the topic `load` of the hub on this machine
  sse-cli bench https://example.com/sub --publish https://example.com/pub
      any server that accepts events by POST
  sse-cli bench --publish load --pid $(pidof sse-server) --svg latency.svg
      the cost for the server, and the distribution of latency

Latency counts from the moment an event was due, not from when it was sent:
a server that stalls is charged for all events that had to wait. Each event
carries its number and that moment in its data. Streams that break are
counted and stay closed.

The report goes to stdout. `lost` counts events that were acknowledged to the
publisher but did not arrive on an open stream.

Exit status:
    0  measured, whatever the result
    1  failed: no stream opened, or nothing could be published
    2  wrong usage
    4  refused by the server (4xx)
    5  failed on the server (5xx)
  130  stopped by Ctrl-C, after a report of the measurement so far
  143  stopped by SIGTERM, likewise";

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
        assert_eq!(target(":80"), Ok(Target::Url(Url::parse("http://127.0.0.1/").unwrap())));
        assert_eq!(target("/pub"), Ok(Target::Path("/pub".into())));
        assert_eq!(target("chat/lobby"), Ok(Target::Topic(Topic::new("chat/lobby").unwrap())));
        assert!(target("a b").unwrap_err().contains("expected a URL or a topic"));
    }

    #[test]
    fn wrong_values_are_refused() {
        assert!(["0", "-1", "x", "2e6", "NaN"].iter().all(|text| rate(text).is_err()));
        assert!(["33", "0", "1048577", "x"].iter().all(|text| size(text).is_err()));
    }
}
