//! What goes to stdout: one event at a time, flushed.

use std::io::{self, Write};

use jiff::Zoned;
use serde::Serialize;
use sse_client::Event;

use crate::harmless::harmless_json;
use crate::pretty::Pretty;

/// The form in which events are printed.
#[derive(Debug)]
pub(crate) enum Output {
    /// For programs: one JSON object a line.
    Json,
    /// For people: aligned, coloured if stdout can show it.
    Pretty(Pretty),
}

/// One line of `--json`. Its fields are a promise.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    event: &'a str,
    data: &'a str,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::Pretty(Pretty::default()) }
    }

    /// Prints the event. Gives `false` when nobody reads any more.
    ///
    /// # Errors
    /// When stdout cannot be written for another reason, for example a full disk.
    pub(crate) fn print(&mut self, event: &Event) -> io::Result<bool> {
        let written = match self {
            Self::Json => print_json(event),
            Self::Pretty(pretty) => {
                let time = Zoned::now().strftime("%H:%M:%S%.3f").to_string();
                let lines = pretty.lines(&time, event, terminal_columns());
                write(&mut anstream::stdout().lock(), lines.as_bytes())
            }
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            other => other.map(|()| true),
        }
    }
}

/// Asked for each event, because people resize their terminals. `None` when stdout is none.
fn terminal_columns() -> Option<usize> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
}

fn print_json(event: &Event) -> io::Result<()> {
    let line = Line { id: event.last_event_id(), event: event.event_type(), data: event.data() };
    let json = serde_json::to_string(&line)?;
    let mut json = harmless_json(&json).into_owned();
    json.push('\n');
    write(&mut io::stdout().lock(), json.as_bytes())
}

fn write(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes)?;
    out.flush()
}
