//! The command line: all commands. The arguments of each are in its own module.

use clap::{Parser, Subcommand};

use crate::bench::args::{self as bench_args, BenchArgs};
use crate::completions::CompletionsArgs;
use crate::doctor::args::{self as doctor_args, DoctorArgs};
use crate::publish::args::{self as publish_args, PublishArgs};
use crate::tail::args::{self as tail_args, TailArgs};

/// Follow event streams (Server-Sent Events) from the terminal, publish to them, and diagnose them.
///
/// Without a command, `sse-cli` tails. Without a URL, every command uses SSE_SERVER or http://127.0.0.1:3000/events.
#[derive(Debug, Parser)]
#[command(name = "sse-cli", version, after_help = tail_args::AFTER_HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) tail: TailArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print events as they arrive (the default command)
    ///
    /// A lost connection is reopened from the last event after 1 s, or after the server's `retry`. On repeated failure
    /// the delay grows to 30 s.
    #[command(after_help = tail_args::AFTER_HELP)]
    Tail(Box<TailArgs>),
    /// Publish events to a topic, and print the id of each
    ///
    /// Without DATA, each line of stdin is one event, sent as soon as it is read; waiting lines are sent together. An id
    /// is printed once the hub has stored the event.
    #[command(visible_alias = "pub", after_help = publish_args::AFTER_HELP)]
    Publish(PublishArgs),
    /// Load-test a server with many streams: measure latency, loss and cost
    ///
    /// Works with any server of event streams. Ignores proxies of the environment.
    #[command(after_help = bench_args::AFTER_HELP)]
    Bench(Box<BenchArgs>),
    /// Diagnose a stream, and say how to fix it
    ///
    /// Watches the stream as a browser does, then requests it again in the ways that often fail: with gzip, from the id
    /// of an earlier event, from a page of another origin. Each finding says what was seen, why it matters, and what to
    /// write into the proxy or the application.
    #[command(after_help = doctor_args::AFTER_HELP)]
    Doctor(DoctorArgs),
    /// Print the completion script for a shell
    ///
    /// For bash, for example: sse-cli completions bash > ~/.local/share/bash-completion/completions/sse-cli
    Completions(CompletionsArgs),
}

impl Args {
    /// Flags that exclude each other, beyond what clap can express.
    pub(crate) fn conflict(&self) -> Option<String> {
        match &self.command {
            None => self.tail.conflict(),
            Some(Command::Tail(tail)) => tail.conflict(),
            Some(Command::Publish(publish)) => publish.conflict(),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::address;

    fn parse(args: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["sse-cli"], args].concat())
    }

    fn url(tail: &TailArgs) -> &str {
        tail.urls.first().unwrap().get().as_str()
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
        assert!(Args::command().get_subcommands().map(clap::Command::get_name).eq(address::COMMANDS));
    }

    #[test]
    fn tail_is_the_default() {
        let bare = parse(&[]).unwrap();
        assert!(bare.command.is_none());
        assert_eq!(url(&bare.tail), address::DEFAULT);
        let short = parse(&[":80", "--json", "-n", "3"]).unwrap();
        assert_eq!(url(&short.tail), "http://127.0.0.1/events");
        let long = parse(&["tail", "--event", "a", "--event", "b"]).unwrap();
        let Some(Command::Tail(tail)) = long.command else { panic!() };
        assert_eq!(tail.filter.events.len(), 2);
    }

    /// The parser wraps what is longer, which tears tables apart.
    #[test]
    fn examples_and_tables_fit_80_columns() {
        for help in [tail_args::AFTER_HELP, publish_args::AFTER_HELP] {
            for line in help.lines().filter(|line| line.starts_with("  ")) {
                assert!(line.len() <= 80, "{line}");
            }
        }
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
            &["tail", "--since", "yesterday"],
        ] {
            assert_eq!(parse(args).unwrap_err().exit_code(), 2, "{args:?}");
        }
    }
}
