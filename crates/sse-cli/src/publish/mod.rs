//! `sse-cli publish`: sends events to a hub and prints their ids as they are acknowledged.

pub(crate) mod args;
mod batch;
mod delivery;
mod input;
mod patience;

use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use clap::CommandFactory;
use clap::error::ErrorKind;
use sse_core::RecordId;

use crate::args::Args;
use crate::exit::Exit;
use crate::talk::{self, Talk};
use args::PublishArgs;
use batch::Batch;
use delivery::{Delivery, OWN_HEADERS};
use input::{BatchLimits, Input, Line};

/// Far below what a hub takes in one request, and enough to make the cost of a request vanish.
const BATCH: BatchLimits = BatchLimits { lines: 1000, bytes: 1 << 20 };
/// Under a key of the user's each line is a request, because which lines wait together is a matter of chance.
const SINGLE: BatchLimits = BatchLimits { lines: 1, bytes: 0 };

/// Runs the command.
///
/// # Errors
/// When the client cannot be set up, or stdout cannot be written.
pub(crate) async fn run(args: PublishArgs) -> anyhow::Result<Exit> {
    if let Some(name) = args.connection.first_of(&OWN_HEADERS) {
        let conflict = format!("-H {name}: publish sets this header itself; a key of your own is for --key");
        Args::command().error(ErrorKind::ArgumentConflict, conflict).exit();
    }
    let talk = Talk::new(args.quiet);
    let delivery = Delivery::new(&args.connection, args.server.get(), &args.topic, args.wait)?;
    let mut input = input(&args, &talk);
    let key = Key::new(&args);
    let mut ids = Ids { open: true, count: 0 };
    while let Some(lines) = input.batch().await {
        let lines = match lines {
            Ok(lines) => lines,
            Err(error) => {
                return Ok(failed(&format!("{:#}", anyhow::Error::from(error)), ids.count, Exit::Failed));
            }
        };
        let batch = batch(&args, &lines);
        if batch.count() == 0 {
            continue;
        }
        match delivery.deliver(&batch, &key.of(batch.lines.0), &talk).await {
            Ok(acknowledged) => ids.print(&acknowledged).context("cannot write to stdout")?,
            Err(error) => {
                let place = if from_stdin(&args) { batch.place(error.line()) + ": " } else { String::new() };
                return Ok(failed(&format!("{place}{error}"), ids.count, error.exit()));
            }
        }
    }
    talk.acknowledged(ids.count);
    Ok(Exit::Done)
}

fn from_stdin(args: &PublishArgs) -> bool {
    args.data.as_deref().is_none_or(|data| data == "-")
}

fn input(args: &PublishArgs, talk: &Talk) -> Input {
    let limits = if args.key.is_some() { SINGLE } else { BATCH };
    match &args.data {
        Some(data) if data != "-" => Input::one(data.clone(), limits),
        _ => {
            if io::stdin().is_terminal() {
                talk.typing(&args.topic);
            }
            Input::stdin(limits)
        }
    }
}

fn batch(args: &PublishArgs, lines: &[Line]) -> Batch {
    if args.ndjson { Batch::of_json(lines) } else { Batch::of_data(lines, args.event.as_ref()) }
}

fn failed(why: &str, acknowledged: u64, exit: Exit) -> Exit {
    talk::error(&format!("{why} ({})", talk::acknowledged(acknowledged)));
    exit
}

/// The idempotency keys of one run.
enum Key {
    /// The user's, for one event.
    Whole(String),
    /// The user's, or one that nobody else has, with the number of the line.
    PerLine(String),
}

impl Key {
    fn new(args: &PublishArgs) -> Self {
        match &args.key {
            Some(key) if !from_stdin(args) => Self::Whole(key.clone()),
            Some(key) => Self::PerLine(key.clone()),
            None => Self::PerLine(format!("sse-cli-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))),
        }
    }

    fn of(&self, line: u64) -> String {
        match self {
            Self::Whole(key) => key.clone(),
            Self::PerLine(key) => format!("{key}-{line}"),
        }
    }
}

/// The ids on stdout.
struct Ids {
    /// Somebody reads stdout.
    open: bool,
    count: u64,
}

impl Ids {
    /// One a line, flushed. When nobody reads them any more, publishing goes on all the same.
    fn print(&mut self, ids: &[RecordId]) -> io::Result<()> {
        self.count += ids.len() as u64;
        if !self.open {
            return Ok(());
        }
        let text: String = ids.iter().map(|id| format!("{id}\n")).collect();
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.open = false;
                Ok(())
            }
            result => result,
        }
    }
}
