//! `sse-cli tail`: shows the events of one or several streams until it is told to stop. Here everything is set up
//! from the arguments; the loop is in `follow`.

pub(crate) mod args;
mod begin;
mod body;
mod cursor;
mod exec;
mod filter;
mod follow;
mod head;
mod jq;
mod names;
mod pretty;
mod shape;
mod sink;
mod streams;
mod template;

use std::time::Duration;

use anyhow::Context;
use clap::CommandFactory;
use clap::error::ErrorKind;
use sse_client::reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use sse_client::reqwest::{Client, Method, StatusCode, Url};
use sse_client::{Builder, EventSource};
use tokio::time::Instant;

use crate::args::Args;
use crate::exit::Exit;
use crate::stop::Stop;
use crate::talk::{self, Talk};
use args::TailArgs;
use begin::Begin;
use cursor::Cursor;
use exec::Exec;
use follow::Follow;
use head::Head;
use pretty::Pretty;
use shape::Shape;
use sink::{Belongs, OutputFile, Sink};
use streams::{End, Stream, Streams};

/// What --wait waits for, beside a server that cannot be reached.
const RETRIED: [StatusCode; 4] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];
/// Longest wait for what a server has.
const ASKING: Duration = Duration::from_secs(10);
/// Pauses before a server is asked again what it has: the first, which doubles, and the longest.
const ASK_AGAIN: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Runs the command.
///
/// # Errors
/// When something cannot be set up, the output cannot be written, or the cursor cannot be stored.
pub(crate) async fn run(args: TailArgs, mut stop: Stop) -> anyhow::Result<Exit> {
    if let Some(conflict) = conflict(&args) {
        Args::command().error(ErrorKind::ArgumentConflict, conflict).exit();
    }
    let talk = Talk::new(args.print.quiet);
    let cursor = args.resume.cursor.as_deref().map(Cursor::open).transpose()?;
    let sink = sink(&args, cursor.as_ref())?;
    let begin = match cursor.as_ref().map(Cursor::id).transpose()?.flatten() {
        Some(id) => Begin::After(id),
        None => Begin::new(&args.begin),
    };
    let mut urls: Vec<Url> = args.urls.iter().map(|url| url.get().clone()).collect();
    for url in urls.iter_mut().filter(|_| !args.filter.topics.is_empty()) {
        url.query_pairs_mut().extend_pairs(args.filter.topics.iter().map(|topic| ("topic", topic)));
    }
    let connections = Connections::new(&args, &urls)?;
    let names = names::of(&urls.iter().collect::<Vec<_>>());
    let mut streams = Vec::new();
    for (url, name) in urls.iter().zip(names) {
        let stream = tokio::select! {
            () = stop.wait() => return Ok(Exit::Interrupted),
            stream = connections.stream(&args, url, name, &begin, &talk) => stream?,
        };
        streams.extend(stream);
    }
    if streams.is_empty() {
        return Ok(Exit::Done);
    }
    let pretty = Pretty::new(several_topics(&urls));
    let shape = Shape::new(&args.print, pretty, sink.is_terminal());
    let position = begin.id().map(|id| id.as_str().to_owned()).unwrap_or_default();
    let follow = Follow {
        left: args.begin.count.map(u64::from),
        streams: Streams::new(streams),
        settled: Instant::now(),
        unusable: 0,
        exit: Exit::Done,
        args,
        begin,
        shape,
        sink,
        cursor,
        talk,
        stop,
        position,
    };
    follow.run().await
}

/// What cannot be meant together, beyond what the parser knows.
fn conflict(args: &TailArgs) -> Option<&'static str> {
    if args.resume.cursor.is_some() && args.urls.len() > 1 {
        return Some(
            "--cursor keeps the place in one stream; run sse-cli once for each URL, each with its own",
        );
    }
    args.print.has_two_forms().then_some("--template is a form of its own; leave out -o")
}

fn sink(args: &TailArgs, cursor: Option<&Cursor>) -> anyhow::Result<Sink> {
    if let Some(path) = &args.print.output {
        let belongs = match cursor {
            None => Belongs::Unknown,
            Some(cursor) => match cursor.place().map(|place| place.output_bytes) {
                None => Belongs::All,
                Some(Some(bytes)) => Belongs::Only(bytes),
                Some(None) => anyhow::bail!(
                    "{} was kept without --output, so it does not know how much of {} belongs to it; name another \
                     cursor file",
                    cursor.path().display(),
                    path.display()
                ),
            },
        };
        return Ok(Sink::File(OutputFile::open(path, belongs)?));
    }
    Ok(match &args.print.exec {
        Some(command) => Sink::Command(Exec::new(command.clone(), args.print.exec_retries)),
        None => Sink::stdout(args.print.form() == args::Format::Pretty),
    })
}

/// Can these streams be expected to carry several topics? The `/events` of a hub does, unless one is named.
fn several_topics(urls: &[Url]) -> bool {
    let wide = |url: &Url| {
        let topics: Vec<String> = url
            .query_pairs()
            .filter(|(name, _)| name == "topic")
            .map(|(_, topic)| topic.into_owned())
            .collect();
        match topics.as_slice() {
            [] => url.path() == "/events",
            [topic] => topic.ends_with('*'),
            _ => true,
        }
    };
    urls.iter().any(wide)
}

/// What all connections have in common.
struct Connections {
    client: Client,
    headers: HeaderMap,
    method: Method,
    body: Option<Vec<u8>>,
}

impl Connections {
    fn new(args: &TailArgs, urls: &[Url]) -> anyhow::Result<Self> {
        let body = args.request.data.as_ref().map(|data| data.get().read()).transpose()?;
        let mut headers = HeaderMap::new();
        if let Some(body) = &body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(body::content_type(body)));
        }
        headers.extend(args.connection.headers()?);
        let default = if body.is_some() { Method::POST } else { Method::GET };
        let method = args.request.method.clone().unwrap_or(default);
        let client = args.connection.client(urls.iter().any(|url| url.scheme() == "https"))?;
        Ok(Self { client, headers, method, body })
    }

    /// A stream that begins and ends as the arguments say; `None` when there is nothing in it.
    async fn stream(
        &self,
        args: &TailArgs,
        url: &Url,
        name: String,
        begin: &Begin,
        talk: &Talk,
    ) -> anyhow::Result<Option<Stream>> {
        let Some((begin, end)) = self.span(args, url, begin, talk).await? else { return Ok(None) };
        let mut asked = url.clone();
        begin.ask(&mut asked);
        let mut builder = EventSource::builder(asked)
            .client(self.client.clone())
            .method(self.method.clone())
            .headers(self.headers.clone());
        if let Some(body) = &self.body {
            builder = builder.body(body.clone());
        }
        if let Some(id) = begin.id() {
            builder = builder.last_event_id(id.clone());
        }
        if let Some(wait) = args.begin.wait {
            builder = patient(builder, wait);
        }
        let source = builder.build().with_context(|| format!("cannot read from {}", talk::shown(url)))?;
        let mut url = talk::shown(url);
        url.set_query(None);
        Ok(Some(Stream::new(source, name, url.to_string(), end, args.begin.wait)))
    }

    /// Where a stream begins and ends; `None` when the end comes before the beginning.
    async fn span(
        &self,
        args: &TailArgs,
        url: &Url,
        begin: &Begin,
        talk: &Talk,
    ) -> anyhow::Result<Option<(Begin, End)>> {
        // Only a GET can be repeated without asking for the work again.
        if self.method != Method::GET {
            return Ok(Some((begin.clone(), End::Connection)));
        }
        if !args.begin.no_follow {
            return Ok(Some((begin.clone(), End::Never)));
        }
        Ok(match self.head(args, url, talk).await? {
            Head::Unknown => Some((begin.clone(), End::Silence(args.begin.idle))),
            Head::Hub(None) => None,
            Head::Hub(Some(end))
                if begin.id().is_some_and(|id| streams::reached(id.as_str(), end).is_some()) =>
            {
                None
            }
            // Without a start of its own it would be over before it begins.
            Head::Hub(Some(end)) if *begin == Begin::Server => Some((Begin::earliest(), End::Id(end))),
            Head::Hub(Some(end)) => Some((begin.clone(), End::Id(end))),
        })
    }

    /// What the server has, trying for as long as --wait says.
    async fn head(&self, args: &TailArgs, url: &Url, talk: &Talk) -> anyhow::Result<Head> {
        let (start, peer) = (Instant::now(), args.connection.peer(url));
        let mut delay = ASK_AGAIN;
        loop {
            let asked = tokio::time::timeout(ASKING, head::of(&self.client, url, &self.headers));
            let what = match asked.await {
                Ok(Ok(head)) => return Ok(head),
                Ok(Err(error)) => {
                    let cause = talk::innermost(&error);
                    format!("cannot ask {} for its topics ({})", peer.at_fault(&error), talk::plain(&cause))
                }
                Err(_) => format!("{peer} does not answer when asked for its topics"),
            };
            let left = args.begin.wait.map(|wait| wait.saturating_sub(start.elapsed()));
            if left.is_some_and(|left| left.is_zero()) {
                anyhow::bail!(what);
            }
            let pause = left.map_or(delay, |left| left.min(delay));
            talk.retrying(&what, pause);
            tokio::time::sleep(pause).await;
            delay = (delay * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Waits for what may get better, and tries several times within the wait.
fn patient(builder: Builder, wait: Duration) -> Builder {
    let longest = (wait / 8).clamp(Duration::from_secs(1), Duration::from_secs(30));
    builder.retry_statuses(RETRIED).max_reconnect_delay(longest).max_retry_after(wait.max(longest))
}
