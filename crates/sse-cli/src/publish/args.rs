//! The arguments of `publish` and their help.

use std::time::Duration;

use sse_client::reqwest::Url;
use sse_client::reqwest::header::HeaderValue;
use sse_core::{EventType, Topic};

use super::delivery::OWN_HEADERS;
use crate::address;
use crate::connection::ConnectionArgs;
use crate::secret::Secret;
use crate::status::StatusArgs;
use crate::values;

#[derive(Debug, clap::Args)]
pub(crate) struct PublishArgs {
    /// The topic, for example `chat/lobby`
    pub(super) topic: Topic,

    /// The data of one event. Without it, or with `-`: the lines of stdin. Not read with --close unless it is `-`
    pub(super) data: Option<String>,

    /// The type of the events; without it, readers see `message`
    #[arg(short, long, value_name = "TYPE", value_parser = |text: &str| EventType::new(text), conflicts_with = "ndjson")]
    pub(super) event: Option<EventType>,

    /// Parse each line of stdin as a JSON object with `data` and optionally `event`, `retry` and `ttl`
    #[arg(long)]
    pub(super) ndjson: bool,

    /// How long the hub gives the events to readers, from 1s to 90d; without it, as long as it keeps them
    #[arg(long, value_name = "TIME", value_parser = ttl, conflicts_with = "ndjson")]
    pub(super) ttl: Option<Duration>,

    /// Close the topic after the events: its readers stop, and nothing can be published to it until it is deleted. Without
    /// DATA there are no events
    #[arg(long)]
    pub(super) close: bool,

    /// Delete the topic and everything stored of it; it can then be published to again
    #[arg(long, conflicts_with_all = ["data", "event", "ndjson", "ttl", "close", "key"])]
    pub(super) delete: bool,

    #[arg(short, long, value_name = "URL", help = address::HELP)]
    #[arg(env = address::VARIABLE, hide_env_values = true, default_value = address::DEFAULT)]
    #[arg(value_parser = Secret::parser(address::parse))]
    pub(super) server: Secret<Url>,

    /// Idempotency key: an event published before under this key is not stored again, but gets the same id. Lines
    /// of stdin are sent one by one under KEY-1, KEY-2 and so on
    #[arg(long, value_name = "KEY", value_parser = key)]
    pub(super) key: Option<String>,

    /// How long to retry while the hub cannot be reached or cannot store; nothing is stored twice
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::duration)]
    pub(super) wait: Duration,

    #[command(flatten)]
    pub(super) status: StatusArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

impl PublishArgs {
    pub(crate) fn conflict(&self) -> Option<String> {
        let name = self.connection.first_of(&OWN_HEADERS)?;
        Some(format!("-H {name}: publish sets this header itself; set your own key with --key"))
    }

    /// The events are the lines of stdin.
    pub(super) fn reads_stdin(&self) -> bool {
        match &self.data {
            Some(data) => data == "-",
            None => self.ndjson || !self.close,
        }
    }
}

/// What a hub accepts.
fn ttl(text: &str) -> Result<Duration, String> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    values::duration_in(text, Duration::from_secs(1)..=90 * DAY)
}

/// What a header can carry.
fn key(text: &str) -> Result<String, &'static str> {
    let valid =
        !text.is_empty() && text.trim() == text && HeaderValue::from_str(text).is_ok() && text.is_ascii();
    if valid { Ok(text.to_owned()) } else { Err("expected a key of visible ASCII characters") }
}

pub(crate) const AFTER_HELP: &str = "\
Examples:
  sse-cli publish greetings hello
  sse-cli publish chat/lobby '{\"text\":\"hi\"}' --event newMessage
  tail -f app.log | sse-cli publish logs/app  each line, as it comes
  sse-cli publish orders --ndjson < orders    {\"data\":\"7\",\"event\":\"paid\"}
  sse-cli publish orders 7 --key order-7      stored once, however often it runs
  sse-cli publish jobs/7 done --close         the last event: readers stop
  sse-cli publish presence/anna here --ttl 30s
  sse-cli publish greetings hello --server https://hub.example.com -H 'X-Key: 7'

Ids go to stdout, one per line, in the order of the events, that of a close or a deletion last; status messages go to stderr. A failure stops the command: \
no further line is sent, and stderr says how many events the hub has acknowledged.

TOPIC is published to `topics/TOPIC` beside the /events of the server. --close is a POST with ?close=true, --delete a DELETE.

Exit status:
    0  done: the hub has acknowledged every event
    1  failed: not everything was acknowledged
    2  wrong usage
    4  refused by the hub (4xx)
    5  failed on the hub (5xx), for all of --wait
  130  stopped by Ctrl-C
  143  stopped by SIGTERM";
