//! `sse-cli publish`: sends events to a hub and prints their ids as they are acknowledged.

pub(crate) mod args;
mod batch;
mod delivery;
mod input;

use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use sse_core::RecordId;

use crate::exit::Exit;
use crate::reason::reason;
use crate::status::{self, Status};
use crate::units::count;
use args::PublishArgs;
use batch::Batch;
use delivery::Delivery;
use input::{BatchLimits, Input, Line};

/// Far below what a hub accepts in one request, and enough to make the cost of a request negligible.
const BATCH: BatchLimits = BatchLimits { lines: 1000, bytes: 1 << 20 };
/// With a key of the user's, each line is a request of its own: which lines wait together depends on timing.
const SINGLE: BatchLimits = BatchLimits { lines: 1, bytes: 0 };

pub(crate) async fn run(args: PublishArgs) -> anyhow::Result<Exit> {
    let status = Status::new(&args.status);
    let delivery = Delivery::new(&args.connection, args.server.get(), &args.topic, args.wait)?;
    let mut ids = Ids { open: true, count: 0 };
    if args.delete {
        return match delivery.delete(&status).await {
            Ok(id) => finish(&mut ids, id, &status, format!("the topic {} is deleted", args.topic)),
            Err(error) => Ok(failed(&error.to_string(), ids.count, error.exit())),
        };
    }
    if let Some(exit) = publish(&args, &delivery, &mut ids, &status).await? {
        return Ok(exit);
    }
    if !args.close {
        return Ok(Exit::Done);
    }
    match delivery.close(&status).await {
        Ok(id) => finish(&mut ids, id, &status, format!("the topic {} is closed", args.topic)),
        Err(error) => Ok(failed(&error.to_string(), ids.count, error.exit())),
    }
}

/// Publishes all events; gives how the command ends when that failed.
async fn publish(
    args: &PublishArgs,
    delivery: &Delivery,
    ids: &mut Ids,
    status: &Status,
) -> anyhow::Result<Option<Exit>> {
    let Some(mut input) = input(args, status) else { return Ok(None) };
    let key = Key::new(args);
    while let Some(lines) = input.batch().await {
        let lines = match lines {
            Ok(lines) => lines,
            Err(error) => return Ok(Some(failed(&reason(&error), ids.count, Exit::Failed))),
        };
        let batch = batch(args, &lines);
        if batch.count() == 0 {
            continue;
        }
        match delivery.deliver(&batch, &key.of(batch.lines.0), status).await {
            Ok(acknowledged) => ids.print(&acknowledged).context("cannot write to stdout")?,
            Err(error) => {
                let lines =
                    if args.reads_stdin() { batch.line_numbers(error.line()) + ": " } else { String::new() };
                return Ok(Some(failed(&format!("{lines}{error}"), ids.count, error.exit())));
            }
        }
    }
    status.good(format!("{} acknowledged", count(ids.count, "event")));
    Ok(None)
}

/// Says that the topic was closed or deleted, and at which place.
fn finish(ids: &mut Ids, id: RecordId, status: &Status, text: String) -> anyhow::Result<Exit> {
    ids.print(&[id]).context("cannot write to stdout")?;
    status.good(text);
    Ok(Exit::Done)
}

/// `None`: there are no events.
fn input(args: &PublishArgs, status: &Status) -> Option<Input> {
    let limits = if args.key.is_some() { SINGLE } else { BATCH };
    Some(match &args.data {
        Some(data) if data != "-" => Input::one(data.clone(), limits),
        _ if !args.reads_stdin() => return None,
        _ => {
            if io::stdin().is_terminal() {
                let topic = &args.topic;
                status.note(format!("each line is published to {topic}; press Ctrl-D to end"));
            }
            Input::stdin(limits)
        }
    })
}

fn batch(args: &PublishArgs, lines: &[Line]) -> Batch {
    if args.ndjson { Batch::of_json(lines) } else { Batch::of_data(lines, args.event.as_ref(), args.ttl) }
}

fn failed(why: &str, acknowledged: u64, exit: Exit) -> Exit {
    status::error(&format!("{why} ({} acknowledged)", count(acknowledged, "event")));
    exit
}

/// The idempotency keys of one run: the user's or a random one.
struct Key {
    text: String,
    /// With the number of the line, unless the user's key is for one event.
    per_line: bool,
}

impl Key {
    fn new(args: &PublishArgs) -> Self {
        let random = || format!("sse-cli-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        let per_line = args.key.is_none() || args.reads_stdin();
        Self { text: args.key.clone().unwrap_or_else(random), per_line }
    }

    fn of(&self, line: u64) -> String {
        if self.per_line { format!("{}-{line}", self.text) } else { self.text.clone() }
    }
}

struct Ids {
    /// Stdout is not closed.
    open: bool,
    count: u64,
}

impl Ids {
    /// Prints one id per line. Publishing continues after stdout is closed.
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
