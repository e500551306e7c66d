//! `sse-cli doctor`: diagnoses a stream. Observes first, then checks: each check is a pure function of the observation.

pub(crate) mod args;
mod certificate;
mod checks;
mod diagnosis;
mod finding;
mod fix;
mod json;
mod observation;
mod probe;
mod recording;
mod report;
#[cfg(test)]
mod sample;
mod watch;

use std::io;

use crate::exit::Exit;
use crate::status::Status;
use crate::stdout;
use args::DoctorArgs;
use diagnosis::Diagnosis;

pub(crate) async fn run(args: DoctorArgs) -> anyhow::Result<Exit> {
    let (peer, time) = (args.connection.peer(args.stream.url.get()), humantime::format_duration(args.watch));
    Status::new(&args.status).note(format!("watching {peer} for {time}"));
    let seen = watch::observe(&args).await?;
    let diagnosis = Diagnosis::of(&seen);
    let text = if args.json {
        json::render(&seen, &diagnosis)
    } else {
        report::render(&seen, &diagnosis, args.proxy, columns())
    };
    stdout::print(&text)?;
    Ok(diagnosis.exit(&seen))
}

/// Lines longer than a hundred columns are hard to read.
fn columns() -> usize {
    let terminal = terminal_size::terminal_size_of(io::stdout());
    terminal.map_or(80, |(width, _)| usize::from(width.0).clamp(40, 100))
}
