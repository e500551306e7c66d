//! `sse-cli tail`: shows the events of one or several streams. Sets everything up from the arguments; the loop is in
//! `follow`.

pub(crate) mod args;
mod connector;
mod cursor;
mod end;
mod ends;
mod event_view;
mod exec;
mod filter;
mod follow;
mod gap;
mod head;
mod jq;
mod names;
mod output;
mod pretty;
mod request;
mod sink;
mod start_at;
mod streams;
mod template;

use sse_client::reqwest::Url;
use tokio::time::Instant;

use crate::address;
use crate::exit::Exit;
use crate::status::Status;
use crate::stop::Stop;
use args::TailArgs;
use connector::Connector;
use cursor::{Cursor, Position};
use exec::Exec;
use follow::Follow;
use output::{Format, Output};
use pretty::Pretty;
use sink::{Owned, Sink};
use start_at::StartAt;
use streams::Streams;

pub(crate) async fn run(args: TailArgs, mut stop: Stop) -> anyhow::Result<Exit> {
    let status = Status::new(&args.status);
    let cursor = args.cursor.cursor.as_deref().map(Cursor::open).transpose()?;
    // A command gets the data alone unless a format is given.
    let default = if args.exec.exec.is_some() { Format::Raw } else { Format::Pretty };
    let format = args.output.format(default);
    let sink = sink(&args, cursor.as_ref(), format)?;
    let start = match cursor.as_ref().map(Cursor::id).transpose()?.flatten() {
        Some(id) => StartAt::After(id),
        None => StartAt::new(&args.start),
    };
    let urls = args.urls.iter().map(|url| address::with_topics(url.get(), &args.filter.topics));
    let urls: Vec<Url> = urls.collect();
    let connector = Connector::new(&args, &urls)?;
    let names = names::of(&urls.iter().collect::<Vec<_>>());
    let mut streams = Vec::new();
    for (url, name) in urls.iter().zip(names) {
        let stream = tokio::select! {
            () = stop.wait() => return Ok(Exit::Interrupted),
            stream = connector.stream(&args, url, name, &start, &status) => stream?,
        };
        streams.extend(stream);
    }
    if streams.is_empty() {
        return Ok(Exit::Done);
    }
    let pretty = Pretty::new(several_topics(&urls));
    let output = Output::new(&args.output, format, pretty, sink.is_stdout(), sink.is_terminal());
    let position = start.id().map(|id| id.as_str().to_owned()).unwrap_or_default();
    let follow = Follow {
        remaining: args.end.count.map(u64::from),
        streams: Streams::new(streams),
        settled: Instant::now(),
        skipped: 0,
        exit: Exit::Done,
        args,
        start,
        output,
        sink,
        cursor,
        status,
        stop,
        position,
    };
    follow.run().await
}

fn sink(args: &TailArgs, cursor: Option<&Cursor>, format: Format) -> anyhow::Result<Sink> {
    if let Some(path) = &args.output.output {
        let owned = match cursor.map(|cursor| (cursor, &cursor.position)) {
            None => Owned::Unknown,
            Some((_, None)) => Owned::All,
            Some((_, Some(Position { output_bytes: Some(bytes), .. }))) => Owned::Only(*bytes),
            Some((cursor, Some(_))) => anyhow::bail!(
                "{} was written without --output, so it does not say how much of {} belongs to it; name another \
                 cursor file",
                cursor.path.display(),
                path.display()
            ),
        };
        return Sink::file(path, owned);
    }
    Ok(match &args.exec.exec {
        Some(command) => Sink::command(Exec::new(command.clone(), args.exec.exec_retries)),
        None => Sink::stdout(format == Format::Pretty),
    })
}

/// Do these streams likely carry several topics? The `/events` of a hub does, unless one is selected.
fn several_topics(urls: &[Url]) -> bool {
    let wide = |url: &Url| {
        let topics: Vec<_> = url.query_pairs().filter(|(name, _)| name == "topic").collect();
        match topics.as_slice() {
            [] => url.path() == "/events",
            [(_, topic)] => topic.ends_with('*'),
            _ => true,
        }
    };
    urls.iter().any(wide)
}
