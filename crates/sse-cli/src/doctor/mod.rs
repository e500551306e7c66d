//! `sse-cli doctor`: says what is wrong with a stream and how to mend it. Watches first, judges then: the checks are
//! pure functions of what was seen.

pub(crate) mod args;
mod certificate;
mod checks;
mod diagnosis;
mod finding;
mod json;
mod observation;
mod probe;
mod recording;
mod remedy;
mod report;
#[cfg(test)]
mod sample;
mod watch;

use std::io::{self, Write};

use anyhow::Context;

use crate::exit::Exit;
use crate::talk::Talk;
use args::DoctorArgs;
use diagnosis::Diagnosis;

/// Runs the command.
///
/// # Errors
/// When the client cannot be set up, or stdout cannot be written.
pub(crate) async fn run(args: DoctorArgs) -> anyhow::Result<Exit> {
    Talk::new(args.quiet).watching(&args.connection.peer(args.url.get()), args.watch);
    let seen = watch::observe(&args).await?;
    let diagnosis = Diagnosis::of(&seen);
    let text = if args.json {
        json::render(&seen, &diagnosis)
    } else {
        report::render(&seen, &diagnosis, args.proxy, columns())
    };
    match write(&text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written.context("cannot write to stdout")?,
    }
    Ok(diagnosis.exit(&seen))
}

/// Lines longer than a hundred columns are hard to read.
fn columns() -> usize {
    let terminal = terminal_size::terminal_size_of(io::stdout());
    terminal.map_or(80, |(width, _)| usize::from(width.0).clamp(40, 100))
}

fn write(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
