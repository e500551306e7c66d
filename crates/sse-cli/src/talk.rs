//! What goes to stderr: the state of the connection, in words. Never carries data, and never fails.

use std::error::Error;
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Effects, Style};
use sse_client::reqwest::{self, Url};
use sse_client::{DecodeError, Event, Interruption, Reconnecting};
use sse_core::Topic;
use sse_core::payload::{Gap, GapReason};

use crate::harmless::harmless;
use crate::peer::Peer;

const GOOD: Style = AnsiColor::Green.on_default();
const WAIT: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);

/// The voice of a command.
#[derive(Debug)]
pub(crate) struct Talk {
    quiet: bool,
    hinted: bool,
}

impl Talk {
    /// `quiet` leaves only what failed or was lost.
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, hinted: false }
    }

    pub(crate) fn connected(&self, peer: &Peer) {
        self.say(GOOD, format!("connected to {peer}"));
    }

    /// `was_open`: there has been a connection before.
    pub(crate) fn reconnecting(&mut self, name: &str, peer: &Peer, was_open: bool, lost: &Reconnecting) {
        let Reconnecting { reason, delay, attempt, .. } = lost;
        let why = reason.to_string();
        let why = plain(&why);
        let unreachable = matches!(reason, Interruption::Network(error) if error.is_connect());
        let what = if unreachable {
            format!("cannot connect to {}", peer.address())
        } else if !was_open {
            format!("no stream from {peer}")
        } else if name.is_empty() {
            "connection lost".to_owned()
        } else {
            format!("connection to {name} lost")
        };
        let seconds = delay.as_secs_f64();
        self.say(WAIT, format!("{what} ({why}), trying again in {seconds:.1} s (attempt {attempt})"));
        if unreachable && peer.is_default() {
            self.hint("is sse-server running? `cargo run -p sse-server` starts it");
        }
    }

    /// What may be the matter. Said once.
    pub(crate) fn hint(&mut self, text: &str) {
        if !std::mem::replace(&mut self.hinted, true) {
            self.say(Style::new(), text.to_owned());
        }
    }

    /// The server has no more events.
    pub(crate) fn ended(&self) {
        self.say(WAIT, "the server ended the stream (204)".to_owned());
    }

    /// The server ended a stream that is not opened again.
    pub(crate) fn over(&self) {
        self.say(WAIT, "end of the stream".to_owned());
    }

    /// A stream broke that must not be opened again.
    pub(crate) fn broken(&self, peer: &Peer, reason: &Interruption) {
        let why = reason.to_string();
        error(&format!("{peer}: connection lost ({}); the request is not made twice", plain(&why)));
    }

    /// The connection could not be made, and is not to be waited for.
    pub(crate) fn unreachable(&self, peer: &Peer, reason: &Interruption) {
        let why = reason.to_string();
        error(&format!("cannot connect to {} ({})", peer.address(), plain(&why)));
    }

    /// There was no connection for all of --wait.
    pub(crate) fn gave_up(&self, peer: &Peer, wait: Duration) {
        error(&format!("no connection to {} for {}", peer.address(), humantime::format_duration(wait)));
    }

    /// --jq cannot be run on an event. Said once, since it is likely to be so for many.
    pub(crate) fn unusable(&self, count: u64, event: &Event, reason: &dyn Display) {
        if count == 1 {
            let id = event.last_event_id();
            let id = if id.is_empty() { String::new() } else { format!(", id {id}") };
            self.say(WAIT, format!("left out an event (type {}{id}): {reason}", event.event_type()));
        }
    }

    /// How many events --jq could not be run on.
    pub(crate) fn unusable_in_all(&self, count: u64) {
        if count > 1 {
            self.say(WAIT, format!("left out {count} events that --jq could not be run on"));
        }
    }

    /// Says what was lost if this is a `gap` event of the hub, and whether it is one. Another server's `gap` may mean
    /// anything.
    pub(crate) fn gap(&self, event: &Event) -> bool {
        if event.event_type() != "gap" {
            return false;
        }
        let Ok(Gap { requested, first, reason }) = serde_json::from_str(event.data()) else { return false };
        let text = match reason {
            GapReason::UnknownId => format!("gap: the server does not know the id {requested}"),
            GapReason::Expired => format!("gap: events after {requested} are no longer kept"),
            GapReason::Slow => {
                format!("gap: this reader was too slow, events after {requested} were left out")
            }
            GapReason::Other => format!("gap: events after {requested} are missing"),
        };
        put(BAD, &format!("{text}; the stream goes on from {first}"));
        true
    }

    pub(crate) fn dropped(&self, error: DecodeError) {
        put(BAD, &error.to_string());
    }

    /// An event could not be published yet.
    pub(crate) fn retrying(&self, reason: &str, delay: Duration) {
        let seconds = delay.as_secs_f64();
        self.say(WAIT, format!("{reason}, trying again in {seconds:.1} s"));
    }

    /// Lines typed by a person are published.
    pub(crate) fn typing(&self, topic: &Topic) {
        self.say(Style::new(), format!("each line is published to {topic}; Ctrl-D ends"));
    }

    /// How many events are stored.
    pub(crate) fn acknowledged(&self, count: u64) {
        self.say(GOOD, acknowledged(count));
    }

    /// A stream is looked at for a while.
    pub(crate) fn watching(&self, peer: &Peer, time: Duration) {
        self.say(Style::new(), format!("watching {peer} for {}", humantime::format_duration(time)));
    }

    fn say(&self, style: Style, text: String) {
        if !self.quiet {
            put(style, &text);
        }
    }
}

/// `1 event acknowledged`
pub(crate) fn acknowledged(count: u64) -> String {
    format!("{count} {} acknowledged", if count == 1 { "event" } else { "events" })
}

/// Says why the program fails.
pub(crate) fn error(text: &str) {
    put_after(format_args!("{BAD}error:{BAD:#} "), Style::new(), text);
}

/// Ends the line that the terminal's `^C` stands on.
pub(crate) fn interrupted() {
    if std::io::stderr().is_terminal() {
        put(Style::new(), "");
    }
}

fn put(style: Style, text: &str) {
    put_after("", style, text);
}

fn put_after(prefix: impl Display, style: Style, text: &str) {
    // Whoever closed stderr does not want to know.
    let _ = writeln!(anstream::stderr().lock(), "{prefix}{style}{}{style:#}", harmless(text));
}

/// The URL without the user and the password in it, and without the values of parameters that are likely secret.
pub(crate) fn shown(url: &Url) -> Url {
    let mut url = url.clone();
    // Both fail only on URLs that cannot have them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if url.query_pairs().any(|(name, _)| is_secret(&name)) {
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let pairs = pairs.iter().map(|(name, value)| (name, if is_secret(name) { "***" } else { value }));
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url
}

/// Names under which servers take credentials in a URL.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "password", "passwd", "signature", "authorization", "credential"]
        .iter()
        .any(|part| name.contains(part))
        || matches!(name.as_str(), "key" | "apikey" | "api_key" | "api-key" | "auth" | "sig" | "jwt" | "pass")
}

/// A reason in words that tell people something: `Connection refused (os error 111)` without the number, and what
/// an answer in plain HTTP looks like to TLS.
pub(crate) fn plain(reason: &str) -> &str {
    if reason == "received corrupt message of type InvalidContentType" {
        return "the server does not speak TLS there; write http:// instead of https://";
    }
    reason.split_once(" (os error ").map_or(reason, |(words, _)| words)
}

/// The cause that says most: the outer ones only repeat the URL and the layer.
pub(crate) fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
