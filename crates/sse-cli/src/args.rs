//! The command line: each flag, its help and its default. Does nothing but parse.

use std::time::Duration;

use clap::{Parser, Subcommand};
use sse_client::EventId;
use sse_client::reqwest::Url;
use sse_client::reqwest::header::HeaderValue;
use sse_core::{EventType, EventTypeError, Topic};

use crate::address;

/// Follow event streams (Server-Sent Events) from the terminal, and publish to them.
///
/// Without a command, `sse-cli` tails; without a URL, it tails http://127.0.0.1:3000/events.
#[derive(Debug, Parser)]
#[command(name = "sse-cli", version, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) tail: TailArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the events of a stream as they come (the default command)
    ///
    /// A lost connection is made again, from where it stopped, after 1 s (or what the server asks for); on
    /// repeated failure after up to 30 s.
    #[command(after_help = AFTER_HELP)]
    Tail(TailArgs),
    /// Publish events to a topic of a hub, and print the id of each
    ///
    /// Without DATA, each line of stdin is one event, sent as it comes; lines that wait go together. An id is
    /// printed once the hub has stored the event.
    #[command(visible_alias = "pub", after_help = AFTER_PUBLISH_HELP)]
    Publish(PublishArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct TailArgs {
    /// The stream: a URL, `host:port/path` or `:port/path`; http unless it says https, and /events if it has
    /// no path
    #[arg(default_value = address::DEFAULT, value_parser = address::parse)]
    pub(crate) url: Url,

    /// Ask for this topic only, for example `chat/lobby`, `chat/*` or `*` [repeatable]
    #[arg(short, long = "topic", value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,

    /// Print events of this type only; unnamed events have the type `message` [repeatable]
    #[arg(short, long = "event", value_name = "TYPE")]
    pub(crate) events: Vec<String>,

    /// Print one JSON object a line, with the strings `id`, `event` and `data`
    #[arg(long)]
    pub(crate) json: bool,

    /// Stop after printing this many events
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Start after the event with this id; sse-server takes `earliest` for all that is kept
    #[arg(long, value_name = "ID", value_parser = event_id)]
    pub(crate) last_event_id: Option<EventId>,

    /// Say nothing on stderr but what failed or was lost
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

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
        value_parser = address::parse_base
    )]
    pub(crate) server: Url,

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

fn event_id(text: &str) -> Result<EventId, sse_client::EventIdError> {
    EventId::new(text)
}

const AFTER_HELP: &str = "\
Examples:
  sse-cli                                     everything from http://127.0.0.1:3000/events
  sse-cli tail :3000/dashboard-events         another stream of this machine
  sse-cli tail --topic 'chat/*' --event newMessage
  sse-cli tail --json --count 5 | jq .data    five events for another program
  sse-cli tail --last-event-id earliest       all that the server has kept, then what comes
  sse-cli tail https://example.com/stream     any other server

Data goes to stdout, talk to stderr. Colour follows NO_COLOR and CLICOLOR_FORCE. On a terminal each line
of data is cut to its width, and ids are shown from 100 columns on; a pipe gets everything.

Exit status:
    0  done: --count reached, stdout closed, or the server ended the stream (204)
    1  failed
    2  wrong usage
    4  refused by the server (4xx)
    5  the server is in trouble (5xx)
  130  stopped by Ctrl-C";

const AFTER_PUBLISH_HELP: &str = "\
Examples:
  sse-cli publish greetings hello
  sse-cli publish chat/lobby '{\"text\":\"hi\"}' --event newMessage
  tail -f app.log | sse-cli publish logs/app      each line, as it comes
  sse-cli publish orders --ndjson < orders.ndjson lines such as {\"data\":\"7\",\"event\":\"paid\"}
  sse-cli publish orders 7 --key order-7          again and again, but stored once
  sse-cli publish greetings hello --server https://hub.example.com

Ids go to stdout, one a line, in the order of the events; talk goes to stderr. After a failure no further
line is sent, and stderr says how many events the hub has acknowledged.

Exit status:
    0  done: the hub has acknowledged every event
    1  failed: not everything was acknowledged
    2  wrong usage
    4  refused by the hub (4xx)
    5  the hub is in trouble (5xx), and stayed so for all of --wait
  130  stopped by Ctrl-C";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(args: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["sse-cli"], args].concat())
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn tail_is_the_default() {
        let bare = parse(&[]).unwrap();
        assert!(bare.command.is_none());
        assert_eq!(bare.tail.url.as_str(), address::DEFAULT);
        let short = parse(&[":80", "--json", "-n", "3"]).unwrap();
        assert_eq!((short.tail.url.as_str(), short.tail.count), ("http://127.0.0.1/events", Some(3)));
        let long = parse(&["tail", "--event", "a", "--event", "b"]).unwrap();
        let Some(Command::Tail(tail)) = long.command else { panic!() };
        assert_eq!(tail.events, ["a", "b"]);
    }

    #[test]
    fn wrong_values_are_usage_errors() {
        for args in [
            &["tail", "--count", "0"][..],
            &["tial"],
            &["tail", "--last-event-id", "a\nb"],
            &["--nope"],
            &["publish"],
            &["publish", "a b", "x"],
            &["publish", "a", "x", "--event", "a\nb"],
            &["publish", "a", "--ndjson", "--event", "b"],
            &["publish", "a", "x", "--key", "ü"],
        ] {
            assert_eq!(parse(args).unwrap_err().exit_code(), 2, "{args:?}");
        }
    }
}
