//! Output formats: an event as text. Writes nothing.

use std::path::PathBuf;

use anstream::adapter::strip_str;
use clap::ValueEnum;
use serde::Serialize;

use super::event_view::EventView;
use super::pretty::Pretty;
use super::template::Template;
use crate::escape_terminal::{escape_json, escape_terminal};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// `pretty` for people (the default); `json`, one object per line; `raw`, the data alone; `template`, see --template
    #[arg(short = 'o', long, value_name = "FORMAT")]
    format: Option<Format>,

    /// The same as -o json
    #[arg(long, conflicts_with_all = ["format", "template"])]
    json: bool,

    /// Your own line for each event, such as '{time} {id} {event} {data}'. Fields: {id} {event} {topic} {data} {time}
    /// {url}; {{ and }} are braces. {time} is when the event was published if the server sends it, else when it arrived
    #[arg(long, value_name = "TEXT", value_parser = Template::new, required_if_eq("format", "template"))]
    template: Option<Template>,

    /// Append the events to this file instead of printing them; see Cursor below
    #[arg(long, value_name = "FILE", value_parser = output_file)]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Pretty,
    Json,
    Raw,
    Template,
}

impl OutputArgs {
    /// The format that -o, --json and --template select.
    pub(super) fn format(&self, default: Format) -> Format {
        match self {
            Self { json: true, .. } => Format::Json,
            Self { template: Some(_), .. } => Format::Template,
            Self { format, .. } => format.unwrap_or(default),
        }
    }

    pub(super) fn has_two_formats(&self) -> bool {
        self.template.is_some() && self.format.is_some_and(|format| format != Format::Template)
    }
}

/// Refuses `--output json`, which in other tools selects a format.
fn output_file(text: &str) -> Result<PathBuf, String> {
    match Format::from_str(text, true) {
        Ok(_) => Err(format!("--output takes a file; for the format write -o {text} (for a file ./{text})")),
        Err(_) => Ok(text.into()),
    }
}

/// Turns events into lines, each with LF at its end.
#[derive(Debug)]
pub(super) enum Output {
    Json,
    /// `true`: control characters are escaped, since the lines go to a terminal.
    Raw(bool),
    /// `true` as for raw.
    Template(Template, bool),
    /// With colours.
    Pretty(Box<Pretty>),
    /// Pretty without colours.
    Plain(Box<Pretty>),
}

/// One line of `--json`. Its fields are stable; new ones may be added.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    event: &'a str,
    data: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    /// RFC 3339, UTC, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hub: Option<&'a str>,
    /// With several streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

impl Output {
    /// `colors`: the lines may have colours. `terminal`: they go to a terminal, which the data must not control.
    pub(super) fn new(
        args: &OutputArgs,
        format: Format,
        pretty: Pretty,
        colors: bool,
        terminal: bool,
    ) -> Self {
        match (format, &args.template) {
            (Format::Json, _) => Self::Json,
            (Format::Raw, _) => Self::Raw(terminal),
            (_, Some(template)) => Self::Template(template.clone(), terminal),
            (_, None) if colors => Self::Pretty(Box::new(pretty)),
            (_, None) => Self::Plain(Box::new(pretty)),
        }
    }

    /// The event as text that ends with LF. `columns` is the width of the terminal.
    pub(super) fn text(&mut self, event: &EventView<'_>, columns: Option<usize>) -> String {
        match self {
            Self::Json => json(event),
            Self::Raw(false) => format!("{}\n", event.data),
            Self::Raw(true) => escape_lines(event.data),
            Self::Template(template, false) => template.fill(event) + "\n",
            Self::Template(template, true) => escape_lines(&template.fill(event)),
            Self::Pretty(pretty) => pretty.lines(event, columns),
            Self::Plain(pretty) => strip_str(&pretty.lines(event, None)).to_string(),
        }
    }
}

fn json(event: &EventView<'_>) -> String {
    let url = (!event.name.is_empty()).then_some(event.url);
    let published = event.published.map(|time| format!("{time:.3}"));
    let EventView { id, event_type, data, topic, hub, .. } = *event;
    let line = Line { id, event: event_type, data, topic, published, hub, url };
    let json = serde_json::to_string(&line).expect("strings become JSON");
    escape_json(&json).into_owned() + "\n"
}

fn escape_lines(text: &str) -> String {
    text.split('\n').flat_map(|line| [escape_terminal(line), "\n".into()]).collect()
}
