//! The arguments of `tail` and their help. The flags are in the files of what they control.

use sse_client::reqwest::Url;

use super::cursor::CursorArgs;
use super::end::EndArgs;
use super::exec::ExecArgs;
use super::filter::FilterArgs;
use super::output::OutputArgs;
use super::request::RequestArgs;
use super::start_at::StartArgs;
use crate::address;
use crate::connection::ConnectionArgs;
use crate::secret::Secret;
use crate::status::StatusArgs;

#[derive(Debug, clap::Args)]
pub(crate) struct TailArgs {
    #[arg(value_name = "URL", help = address::HELP, env = address::VARIABLE, hide_env_values = true)]
    #[arg(default_value = address::DEFAULT, value_parser = Secret::parser(address::parse))]
    pub(crate) urls: Vec<Secret<Url>>,

    #[command(flatten)]
    pub(super) start: StartArgs,
    #[command(flatten)]
    pub(super) end: EndArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) exec: ExecArgs,
    #[command(flatten)]
    pub(super) status: StatusArgs,
    #[command(flatten)]
    pub(super) cursor: CursorArgs,
    #[command(flatten)]
    pub(super) request: RequestArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

impl TailArgs {
    pub(crate) fn conflict(&self) -> Option<String> {
        let conflict = if self.cursor.cursor.is_some() && self.urls.len() > 1 {
            "--cursor is for one stream; run sse-cli once for each URL, each with its own cursor file"
        } else if self.output.has_two_formats() {
            "--template is a format of its own; leave out -o"
        } else {
            return None;
        };
        Some(conflict.to_owned())
    }
}

pub(crate) const AFTER_HELP: &str = "\
Examples:
  sse-cli                                  all of http://127.0.0.1:3000/events
  sse-cli tail :3000/dashboard-events      another stream on this machine
  sse-cli tail https://example.com/stream  any other server
  sse-cli tail :3000 :3001/events          two streams; each line names its own
  sse-cli tail --topic 'chat/*' --event newMessage --grep '(?i)lunch'
  sse-cli tail --exclude 'm*' --jq '.cpuLoad > 2'
  sse-cli tail --jq '\"\\(.symbol) \\(.price)\"' -o raw
  sse-cli tail --since 10m                 the last ten minutes, then live
  sse-cli tail --last 20 --no-follow --json | jq .data
  sse-cli tail --template '{time} {topic} {data}'
  sse-cli tail -t orders --cursor orders.cursor --output orders.log -o raw
  sse-cli tail -t jobs --cursor jobs.cursor --exec './run-job \"$SSE_ID\"'
  sse-cli tail https://api.example.com/v1/chat --token @key --data @prompt.json

Events go to stdout, status messages to stderr. Colours follow NO_COLOR and CLICOLOR_FORCE. On a terminal, lines are \
cut to its width, and ids are shown from 100 columns on; a pipe gets everything. --since TIME and --last use the \
parameters `since` and `last` of sse-server; other servers may refuse or ignore them.

Cursor: what a crash or `kill -9` can cause.
  stdout    at least once: the cursor is stored after the output was written.
            What was written in the last second may be written again
  --output  exactly once: the cursor stores the length of the file, and the next
            run cuts off what was written after it
  --exec    at least once: the cursor moves after each success. An interrupted
            command is run again for the same event
The server must give each event an id and resume from it.

Exit status:
    0  done: --count reached, --no-follow caught up, stdout closed, every topic
       closed, or the server ended the stream (204)
    1  failed: also when --wait is over, or a command of --exec kept failing
    2  wrong usage
    4  refused by the server (4xx)
    5  failed on the server (5xx)
   10  events were lost, with --fail-on-gap
  130  stopped by Ctrl-C
  143  stopped by SIGTERM";
