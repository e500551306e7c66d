//! Status messages on stderr: the state of the connection, in words. Carries no events, and never fails.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Effects, Style};
use sse_client::{DecodeError, Event, Interruption, Reconnecting};
use sse_core::Topic;

use crate::escape_terminal::escape_terminal;
use crate::peer::Peer;
use crate::reason::reason;
use crate::units::count;

const GOOD: Style = AnsiColor::Green.on_default();
const WAIT: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);

/// The flag that all commands share.
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Print nothing on stderr but errors and lost events
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Prints status messages.
#[derive(Debug)]
pub(crate) struct Status {
    quiet: bool,
    hinted: bool,
}

impl Status {
    pub(crate) fn new(args: &StatusArgs) -> Self {
        Self { quiet: args.quiet, hinted: false }
    }

    pub(crate) fn connected(&self, peer: &Peer) {
        self.say(GOOD, format!("connected to {peer}"));
    }

    /// `was_open`: there has been a connection before.
    pub(crate) fn reconnecting(&mut self, name: &str, peer: &Peer, was_open: bool, lost: &Reconnecting) {
        let unreachable = matches!(&lost.reason, Interruption::Network(error) if error.is_connect());
        let what = if unreachable {
            format!("cannot connect to {}", peer.address())
        } else if !was_open {
            format!("no stream from {peer}")
        } else if name.is_empty() {
            "connection lost".to_owned()
        } else {
            format!("connection to {name} lost")
        };
        let attempt = lost.attempt;
        self.retrying(&format!("{what} ({})", reason(&lost.reason)), lost.delay, Some(attempt));
        if unreachable && peer.is_default() {
            self.hint("is sse-server running? `cargo run -p sse-server` starts it");
        }
    }

    /// Something failed and is tried again.
    pub(crate) fn retrying(&self, what: &str, delay: Duration, attempt: Option<u32>) {
        let attempt = attempt.map(|attempt| format!(" (attempt {attempt})")).unwrap_or_default();
        self.say(WAIT, format!("{what}, retrying in {:.1} s{attempt}", delay.as_secs_f64()));
    }

    /// A likely cause. Printed once.
    pub(crate) fn hint(&mut self, text: &str) {
        if !std::mem::replace(&mut self.hinted, true) {
            self.say(Style::new(), text.to_owned());
        }
    }

    /// The server answered 204.
    pub(crate) fn no_content(&self) {
        self.say(WAIT, "the server ended the stream (204)".to_owned());
    }

    /// A stream ended that is not opened again.
    pub(crate) fn end_of_stream(&self) {
        self.say(WAIT, "end of the stream".to_owned());
    }

    /// --jq failed on an event. Printed once, since it is likely to fail on many.
    pub(crate) fn skipped(&self, total: u64, event: &Event, reason: &dyn Display) {
        if total == 1 {
            let id = event.last_event_id();
            let id = if id.is_empty() { String::new() } else { format!(", id {id}") };
            self.say(WAIT, format!("skipped an event (type {}{id}): {reason}", event.event_type()));
        }
    }

    /// On how many events --jq failed.
    pub(crate) fn skipped_total(&self, total: u64) {
        if total > 1 {
            self.say(WAIT, format!("skipped {total} events on which --jq failed"));
        }
    }

    /// Events were lost.
    pub(crate) fn gap(&self, text: &str) {
        print(BAD, text);
    }

    /// An event was too large to decode.
    pub(crate) fn dropped(&self, error: DecodeError) {
        print(BAD, &error.to_string());
    }

    /// The events are typed on a terminal.
    pub(crate) fn reading_terminal(&self, topic: &Topic) {
        self.say(Style::new(), format!("each line is published to {topic}; press Ctrl-D to end"));
    }

    pub(crate) fn acknowledged(&self, total: u64) {
        self.say(GOOD, format!("{} acknowledged", count(total, "event")));
    }

    pub(crate) fn watching(&self, peer: &Peer, time: Duration) {
        self.say(Style::new(), format!("watching {peer} for {}", humantime::format_duration(time)));
    }

    fn say(&self, style: Style, text: String) {
        if !self.quiet {
            print(style, &text);
        }
    }
}

/// Prints why the program fails.
pub(crate) fn error(text: &str) {
    print_after(format_args!("{BAD}error:{BAD:#} "), Style::new(), text);
}

/// Ends the line on which the terminal has echoed `^C`.
pub(crate) fn interrupted() {
    if std::io::stderr().is_terminal() {
        print(Style::new(), "");
    }
}

fn print(style: Style, text: &str) {
    print_after("", style, text);
}

fn print_after(prefix: impl Display, style: Style, text: &str) {
    // A closed stderr is no failure.
    let _ = writeln!(anstream::stderr().lock(), "{prefix}{style}{}{style:#}", escape_terminal(text));
}
