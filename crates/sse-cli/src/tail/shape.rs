//! An event as text, in the form the user wants. Does no output.

use anstream::adapter::strip_str;
use jiff::Zoned;
use serde::Serialize;

use super::args::{Format, PrintArgs};
use super::pretty::Pretty;
use super::template::Template;
use crate::harmless::{harmless, harmless_json};

/// What is shown of an event.
#[derive(Debug)]
pub(crate) struct Shown<'a> {
    /// The id to resume from after it; may be empty.
    pub(crate) id: &'a str,
    /// The id in its own block; empty when there is none.
    pub(crate) own_id: &'a str,
    pub(crate) event_type: &'a str,
    pub(crate) topic: Option<&'a str>,
    /// The data, or what --jq has made of it.
    pub(crate) data: &'a str,
    /// Without user, password and query.
    pub(crate) url: &'a str,
    /// Tells its stream from the others; empty when there is one.
    pub(crate) name: &'a str,
    /// When it came in.
    pub(crate) time: Zoned,
}

/// The form of the lines. Each ends with LF.
#[derive(Debug)]
pub(crate) enum Shape {
    /// For programs: one JSON object a line.
    Json,
    /// The data alone. `true`: what acts on a terminal is made harmless.
    Raw(bool),
    /// A line of the user's own. `true` as for raw.
    Template(Template, bool),
    /// For people: aligned, and coloured for stdout.
    Pretty(Box<Pretty>),
    /// The same without colours, for everything else.
    Plain(Box<Pretty>),
}

/// One line of `--json`. Its fields are a promise; more may come.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    event: &'a str,
    data: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    /// There when several streams are followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

impl Shape {
    /// `terminal`: the lines go to a terminal, so what the stream says must not act on it.
    pub(crate) fn new(args: &PrintArgs, pretty: Pretty, terminal: bool) -> Self {
        let stdout = args.output.is_none() && args.exec.is_none();
        match (args.form(), &args.template) {
            (Format::Json, _) => Self::Json,
            (Format::Raw, _) => Self::Raw(terminal),
            (_, Some(template)) => Self::Template(template.clone(), terminal),
            (_, None) if stdout => Self::Pretty(Box::new(pretty)),
            (_, None) => Self::Plain(Box::new(pretty)),
        }
    }

    /// The event as text that ends with LF. Only pretty has ANSI colours. `columns` is the width of the terminal.
    pub(crate) fn text(&mut self, event: &Shown<'_>, columns: Option<usize>) -> String {
        match self {
            Self::Json => json(event),
            Self::Raw(false) => format!("{}\n", event.data),
            Self::Raw(true) => lines(event.data),
            Self::Template(template, false) => template.fill(event) + "\n",
            Self::Template(template, true) => lines(&template.fill(event)),
            Self::Pretty(pretty) => pretty.lines(event, columns),
            Self::Plain(pretty) => strip_str(&pretty.lines(event, None)).to_string(),
        }
    }
}

fn json(event: &Shown<'_>) -> String {
    let url = (!event.name.is_empty()).then_some(event.url);
    let Shown { id, event_type, data, topic, .. } = *event;
    let line = Line { id, event: event_type, data, topic, url };
    let json = serde_json::to_string(&line).expect("strings become JSON");
    harmless_json(&json).into_owned() + "\n"
}

/// Harmless, line by line.
fn lines(text: &str) -> String {
    text.split('\n').flat_map(|line| [harmless(line), "\n".into()]).collect()
}
