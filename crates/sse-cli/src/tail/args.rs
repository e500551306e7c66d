//! The arguments of `tail` and their help. Does nothing but parse.

use sse_client::reqwest::Url;
use sse_client::{EventId, EventIdError};

use crate::address;

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

fn event_id(text: &str) -> Result<EventId, EventIdError> {
    EventId::new(text)
}

pub(crate) const AFTER_HELP: &str = "\
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
