//! Status messages on stderr: the state of the connection, in words. Carries no events, and never fails.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Effects, Style};
use sse_client::{Event, Interruption, Reconnecting};

use crate::escape_terminal::escape_terminal;
use crate::peer::Peer;
use crate::reason::reason;

const GOOD: Style = AnsiColor::Green.on_default();
const WAIT: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Print nothing on stderr but errors and lost events
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug)]
pub(crate) struct Status {
    quiet: bool,
    hinted: bool,
}

impl Status {
    pub(crate) fn new(args: &StatusArgs) -> Self {
        Self { quiet: args.quiet, hinted: false }
    }

    /// Something succeeded.
    pub(crate) fn good(&self, text: String) {
        self.say(GOOD, text);
    }

    /// The reader waits, or there will be less than expected.
    pub(crate) fn waiting(&self, text: String) {
        self.say(WAIT, text);
    }

    pub(crate) fn note(&self, text: String) {
        self.say(Style::new(), text);
    }

    /// Events were lost. Printed even with --quiet.
    pub(crate) fn lost(&self, text: &str) {
        print(BAD, text);
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
        self.waiting(format!("{what}, retrying in {:.1} s{attempt}", delay.as_secs_f64()));
    }

    /// A likely cause. Printed once.
    pub(crate) fn hint(&mut self, text: &str) {
        if !std::mem::replace(&mut self.hinted, true) {
            self.note(text.to_owned());
        }
    }

    /// --jq failed on an event. Printed once, since it is likely to fail on many.
    pub(crate) fn skipped(&self, total: u64, event: &Event, reason: &dyn Display) {
        if total == 1 {
            let id = event.last_event_id();
            let id = if id.is_empty() { String::new() } else { format!(", id {id}") };
            self.waiting(format!("skipped an event (type {}{id}): {reason}", event.event_type()));
        }
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
