//! The arguments of `publish` and their help. Does nothing but parse.

use std::time::Duration;

use sse_client::reqwest::Url;
use sse_client::reqwest::header::HeaderValue;
use sse_core::{EventType, EventTypeError, Topic};

use crate::address;
use crate::connection::ConnectionArgs;
use crate::secret::Secret;

#[derive(Debug, clap::Args)]
pub(crate) struct PublishArgs {
    /// The topic, for example `chat/lobby`
    pub(crate) topic: Topic,

    /// The data of one event; `-` or nothing: the lines of stdin
    pub(crate) data: Option<String>,

    /// Give the events this type; readers see events without one as `message`
    #[arg(short, long, value_name = "TYPE", value_parser = event_type, conflicts_with = "ndjson")]
    pub(crate) event: Option<EventType>,

    /// Take each line of stdin as a JSON object with `data`, and `event` and `retry` if wanted
    #[arg(long)]
    pub(crate) ndjson: bool,

    /// The hub: a URL, `host:port` or `:port`
    #[arg(
        short,
        long,
        value_name = "URL",
        env = "SSE_SERVER",
        hide_env_values = true,
        default_value = address::DEFAULT_BASE,
        value_parser = Secret::parser(address::parse_base)
    )]
    pub(crate) server: Secret<Url>,

    /// Idempotency key: whatever was published under it before is not stored again, but gets the same id. Lines
    /// of stdin are sent one by one under KEY-1, KEY-2 and so on
    #[arg(long, value_name = "KEY", value_parser = key)]
    pub(crate) key: Option<String>,

    /// How long to try again when the hub cannot be reached or cannot store; nothing is stored twice
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub(crate) wait: Duration,

    /// Say nothing on stderr but what failed
    #[arg(short, long)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

fn event_type(text: &str) -> Result<EventType, EventTypeError> {
    EventType::new(text)
}

/// What a header can carry.
fn key(text: &str) -> Result<String, &'static str> {
    let good =
        !text.is_empty() && text.trim() == text && HeaderValue::from_str(text).is_ok() && text.is_ascii();
    if good { Ok(text.to_owned()) } else { Err("a key has visible ASCII characters and is not empty") }
}

pub(crate) const AFTER_HELP: &str = "\
Examples:
  sse-cli publish greetings hello
  sse-cli publish chat/lobby '{\"text\":\"hi\"}' --event newMessage
  tail -f app.log | sse-cli publish logs/app  each line, as it comes
  sse-cli publish orders --ndjson < orders    {\"data\":\"7\",\"event\":\"paid\"}
  sse-cli publish orders 7 --key order-7      again and again, but stored once
  sse-cli publish greetings hello --server https://hub.example.com -H 'X-Key: 7'

Ids go to stdout, one a line, in the order of the events; talk goes to stderr. After a failure no further line is \
sent, and stderr says how many events the hub has acknowledged.

Exit status:
    0  done: the hub has acknowledged every event
    1  failed: not everything was acknowledged
    2  wrong usage
    4  refused by the hub (4xx)
    5  the hub is in trouble (5xx), and stayed so for all of --wait
  130  stopped by Ctrl-C
  143  stopped by SIGTERM";
