//! The command line: the commands there are. The arguments of each are in its own module.

use clap::{Parser, Subcommand};

use crate::bench::args::{self as bench_args, BenchArgs};
use crate::completions::CompletionsArgs;
use crate::doctor::args::{self as doctor_args, DoctorArgs};
use crate::publish::args::{self as publish_args, PublishArgs};
use crate::tail::args::{self as tail_args, TailArgs};

/// Follow event streams (Server-Sent Events) from the terminal, publish to them, and find what is wrong with them.
///
/// Without a command, `sse-cli` tails; without a URL, it tails http://127.0.0.1:3000/events.
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
    /// Print the events of a stream as they come (the default command)
    ///
    /// A lost connection is made again, from where it stopped, after 1 s (or what the server asks for); on
    /// repeated failure after up to 30 s.
    #[command(after_help = tail_args::AFTER_HELP)]
    Tail(Box<TailArgs>),
    /// Publish events to a topic of a hub, and print the id of each
    ///
    /// Without DATA, each line of stdin is one event, sent as it comes; lines that wait go together. An id is
    /// printed once the hub has stored the event.
    #[command(visible_alias = "pub", after_help = publish_args::AFTER_HELP)]
    Publish(PublishArgs),
    /// Load a server with many streams, and measure latency, loss and cost
    ///
    /// Works with any server of event streams. Proxies of the environment are not used.
    #[command(after_help = bench_args::AFTER_HELP)]
    Bench(Box<BenchArgs>),
    /// Say what is wrong with a stream, and how to mend it
    ///
    /// It watches the stream as browsers see it and asks for it again in the ways that go wrong: with gzip, with
    /// the id of an event that it has seen, from a page of another origin. For each finding it says what was
    /// seen, why it matters, and what to write into the proxy or the application.
    #[command(after_help = doctor_args::AFTER_HELP)]
    Doctor(DoctorArgs),
    /// Print the completions for a shell
    ///
    /// For bash, for example: sse-cli completions bash > ~/.local/share/bash-completion/completions/sse-cli
    Completions(CompletionsArgs),
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
        ] {
            assert_eq!(parse(args).unwrap_err().exit_code(), 2, "{args:?}");
        }
    }
}
