//! The arguments of `tail` and their help. Does nothing but parse.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use globset::GlobMatcher;
use regex::Regex;
use sse_client::reqwest::{Method, Url};
use sse_client::{EventId, EventIdError};

use super::begin::{self, Since};
use super::jq::Jq;
use super::template::Template;
use super::{body, filter};
use crate::address;
use crate::connection::ConnectionArgs;
use crate::secret::Secret;

#[derive(Debug, clap::Args)]
pub(crate) struct TailArgs {
    /// The streams: each a URL, `host:port/path` or `:port/path`; http unless it says https, and /events if it has
    /// no path. Several are followed at once, and each line then names its own
    #[arg(value_name = "URL", default_value = address::DEFAULT, value_parser = Secret::parser(address::parse))]
    pub(crate) urls: Vec<Secret<Url>>,

    #[command(flatten)]
    pub(crate) begin: BeginArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) print: PrintArgs,
    #[command(flatten)]
    pub(crate) resume: ResumeArgs,
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Where the stream starts and when to stop.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Start and stop")]
pub(crate) struct BeginArgs {
    /// Start with the events of this long ago (`10m`, `2h 30m`), since a time (`2026-11-22T08:00:00Z`, `2026-11-22
    /// 08:00`, `2026-11-22`; local unless it says otherwise), after an id, or with all that is kept (`earliest`)
    #[arg(long, value_name = "10m|TIME|ID|earliest", value_parser = begin::since)]
    pub(crate) since: Option<Since>,

    /// Start with the newest N events that are kept
    #[arg(long, value_name = "N", conflicts_with = "since")]
    pub(crate) last: Option<NonZeroU64>,

    /// Start after the event with exactly this id, also if it looks like a time
    #[arg(long, value_name = "ID", value_parser = event_id, conflicts_with_all = ["since", "last"])]
    pub(crate) last_event_id: Option<EventId>,

    /// Stop once everything that was there at the start has come
    #[arg(long)]
    pub(crate) no_follow: bool,

    /// With --no-follow on a server other than sse-server: the silence that counts as its end
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    pub(crate) idle: Duration,

    /// Stop after printing this many events. The greeting of sse-server is one of them, unless --with-id leaves it out
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) count: Option<NonZeroU64>,

    /// How long to keep trying while the server cannot be reached, or answers 429, 502, 503 or 504. Without it, for
    /// ever when it cannot be reached, and not at all when it answers so
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) wait: Option<Duration>,

    /// Stop with exit code 10 when events were lost: the server tells of a gap, or an event is too large to hold
    #[arg(long)]
    pub(crate) fail_on_gap: bool,
}

/// Which events are wanted.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Which events")]
pub(crate) struct FilterArgs {
    /// Ask the server for this topic only, for example `chat/lobby`, `chat/*` or `*` [repeatable]
    #[arg(short, long = "topic", value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,

    /// Only events of types that match: `*`, `?`, `[a-c]`, `{a,b}`. Unnamed events have the type `message`
    /// [repeatable]
    #[arg(short, long = "event", value_name = "GLOB", value_parser = filter::glob)]
    pub(crate) events: Vec<GlobMatcher>,

    /// No events of types that match [repeatable]
    #[arg(long, value_name = "GLOB", value_parser = filter::glob)]
    pub(crate) exclude: Vec<GlobMatcher>,

    /// Only events that have an id of their own, such as every published event of sse-server: leaves out its greeting,
    /// which comes again with each connection
    #[arg(long)]
    pub(crate) with_id: bool,

    /// Only events whose data matches this regular expression; (?i) at its start ignores case
    #[arg(long, value_name = "RE")]
    pub(crate) grep: Option<Regex>,

    /// Run this jq filter on the data: `false`, `null` or nothing leaves the event out, `true` lets it through as it
    /// is, any other value takes the place of the data (strings without quotes). Data that is not JSON is left out
    #[arg(long, value_name = "EXPR", value_parser = Jq::new)]
    pub(crate) jq: Option<Jq>,
}

/// How events are shown, and where.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct PrintArgs {
    /// `pretty` (the default) for people; `json` one object a line; `raw` the data alone; `template` see --template
    #[arg(short = 'o', long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,

    /// The same as -o json
    #[arg(long, conflicts_with_all = ["format", "template"])]
    pub(crate) json: bool,

    /// One line for each event, such as '{time} {id} {event} {data}'. Fields: {id} {event} {topic} {data} {time}
    /// {url}; {{ and }} are braces
    #[arg(long, value_name = "TEXT", value_parser = Template::new, required_if_eq("format", "template"))]
    pub(crate) template: Option<Template>,

    /// Append the events to this file instead of printing them; see Cursor below
    #[arg(long, value_name = "FILE", value_parser = output_file)]
    pub(crate) output: Option<PathBuf>,

    /// Run this shell command for each event instead of printing it. It gets the event on stdin (the data; with -o
    /// the line of that form), and SSE_ID, SSE_EVENT and SSE_TOPIC in its environment
    #[arg(long, value_name = "CMD", conflicts_with = "output")]
    pub(crate) exec: Option<String>,

    /// How often --exec tries an event again after a failure (1 s, 2 s, 4 s, up to 30 s apart) before it gives up
    /// and ends with 1
    #[arg(long, value_name = "N", default_value_t = 3, requires = "exec")]
    pub(crate) exec_retries: u32,

    /// Say nothing on stderr but what failed or was lost
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// What the next run starts from.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Cursor")]
pub(crate) struct ResumeArgs {
    /// Keep the place in this file: the next run goes on after the last event of this one, and --since, --last and
    /// --last-event-id are for the first run only. FILE.lock beside it keeps a second run away
    #[arg(long, value_name = "FILE")]
    pub(crate) cursor: Option<PathBuf>,
}

/// What is sent.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Request")]
pub(crate) struct RequestArgs {
    /// Send this body (@FILE: what is in the file, @-: stdin), by POST unless --method says otherwise. The request is
    /// made once: tail ends when the stream does
    #[arg(long, value_name = "BODY|@FILE", value_parser = Secret::parser(body::source))]
    pub(crate) data: Option<Secret<body::Source>>,

    /// The method of the request
    #[arg(long, value_name = "METHOD", value_parser = method)]
    pub(crate) method: Option<Method>,
}

/// The form in which events are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Pretty,
    Json,
    Raw,
    Template,
}

impl PrintArgs {
    /// What --json, --template and -o come to. A command gets the data alone unless another form is asked for.
    pub(crate) fn form(&self) -> Format {
        match self {
            Self { json: true, .. } => Format::Json,
            Self { template: Some(_), .. } => Format::Template,
            Self { format: Some(format), .. } => *format,
            Self { exec: Some(_), .. } => Format::Raw,
            _ => Format::Pretty,
        }
    }

    /// Is a template given beside another form?
    pub(crate) fn has_two_forms(&self) -> bool {
        self.template.is_some() && self.format.is_some_and(|format| format != Format::Template)
    }
}

/// Elsewhere `--output json` names a form.
fn output_file(text: &str) -> Result<PathBuf, String> {
    match Format::from_str(text, true) {
        Ok(_) => Err(format!("--output takes a file; the form is -o {text} (or write ./{text})")),
        Err(_) => Ok(text.into()),
    }
}

fn event_id(text: &str) -> Result<EventId, EventIdError> {
    EventId::new(text)
}

fn method(text: &str) -> Result<Method, &'static str> {
    Method::from_bytes(text.to_ascii_uppercase().as_bytes()).map_err(|_| "not the name of a method")
}

pub(crate) const AFTER_HELP: &str = "\
Examples:
  sse-cli                                  all of http://127.0.0.1:3000/events
  sse-cli tail :3000/dashboard-events      another stream of this machine
  sse-cli tail https://example.com/stream  any other server
  sse-cli tail :3000 :3001/events          two at once
  sse-cli tail --topic 'chat/*' --event newMessage --grep '(?i)lunch'
  sse-cli tail --exclude 'm*' --jq '.cpuLoad > 2'
  sse-cli tail --jq '\"\\(.symbol) \\(.price)\"' -o raw
  sse-cli tail --since 10m                 the last ten minutes, then what comes
  sse-cli tail --last 20 --no-follow --with-id --json | jq .data
  sse-cli tail --template '{time} {topic} {data}'
  sse-cli tail -t orders --with-id --cursor place --output orders.log -o raw
  sse-cli tail -t jobs --with-id --cursor place --exec './run-job \"$SSE_ID\"'
  sse-cli tail https://api.example.com/v1/chat --token @key --data @prompt.json

Data goes to stdout, talk to stderr. Colour follows NO_COLOR and CLICOLOR_FORCE. On a terminal each line of data is \
cut to its width, and ids are shown from 100 columns on; a pipe gets everything. --since TIME and --last ask the \
server by `since=` and `last=`, which sse-server knows; another server may refuse or ignore them.

Cursor: what a crash or a kill -9 may do.
  stdout    at least once: the place is stored after the output was written.
            What was written in the last moments may be written again
  --output  exactly once: the cursor knows the length of the output that belongs
            to it, and the next run cuts off what goes past it
  --exec    at least once: the place moves after each success. A command that
            was under way is run again for the same event
It takes a server that gives each event its id and resumes from it.

Exit status:
    0  done: --count reached, --no-follow caught up, stdout closed, or the
       server ended the stream (204)
    1  failed: also --wait is over, or a command of --exec failed for good
    2  wrong usage
    4  refused by the server (4xx)
    5  the server is in trouble (5xx)
   10  events were lost, with --fail-on-gap
  130  stopped by Ctrl-C
  143  stopped by SIGTERM";
