//! `sse-cli bench`: holds many streams of a server open, publishes if asked to, and reports what came of it.

pub(crate) mod args;
mod connection;
mod files;
mod framing;
mod measurement;
mod plot;
mod probe;
mod process;
mod progress;
mod publisher;
mod readers;
mod report;
mod sequence;
mod socket;
mod sources;
mod stamp;
mod table;
mod tally;
mod words;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use sse_client::reqwest::Url;
use sse_client::reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::exit::Exit;
use crate::secret::Secret;
use crate::stop::Stop;
use crate::talk;
use args::{BenchArgs, Target};
use connection::Ask;
use files::OpenFiles;
use measurement::{Measurement, ServerUse};
use process::Processes;
use progress::Progress;
use publisher::{Failure, Order, Published};
use readers::Plan;
use report::{Checked, Deliveries, Files, Quantiles, Report, Server, Streams, per_second};
use socket::Address;
use sources::Sources;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Runs the command. Told to stop, it reports what was measured so far.
///
/// # Errors
/// When what was asked for cannot be set up, or the report cannot be written.
pub(crate) async fn run(args: BenchArgs, mut stop: Stop) -> anyhow::Result<Exit> {
    let processes = Processes::new(&args.pids)?;
    let lanes = args.publish.as_ref().map_or(0, |_| args.publishers());
    let files = files::allow(args.streams.get(), lanes)?;
    let asked = stream_url(&args);
    let probed = tokio::select! {
        probed = probe::look(&asked, &args.connection) => probed?,
        () = stop.wait() => return Ok(Exit::Interrupted),
    };
    let url = match probed {
        Ok(url) => url,
        Err(failure) => return Ok(failed(&failure)),
    };
    let plan = Arc::new(plan(&args, url, lanes).await?);
    let order = order(&args, &plan, &stop)?;
    let progress = Progress::new(args.quiet);
    let measurement =
        measurement::measure(&plan, order.clone(), args.duration, &processes, &progress, stop).await?;
    drop(progress);
    if let Some(failure) = came_to_nothing(&args, &plan, &measurement) {
        return Ok(failed(&failure));
    }
    let report = report(&args, &plan, order.as_ref(), files, &processes, &measurement);
    print(&args, &report).context("cannot write to stdout")?;
    if let Some(file) = &args.svg {
        let image = plot::svg(&report.heading(), &measurement.tally.latency, &measurement.steps);
        std::fs::write(file, image).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(Exit::Done)
}

fn failed(failure: &Failure) -> Exit {
    talk::error(&failure.reason);
    failure.exit
}

fn stream_url(args: &BenchArgs) -> Url {
    let mut url = args.url.get().clone();
    if !args.topics.is_empty() {
        url.query_pairs_mut().extend_pairs(args.topics.iter().map(|topic| ("topic", topic)));
    }
    url
}

async fn plan(args: &BenchArgs, url: Url, lanes: usize) -> anyhow::Result<Plan> {
    let (address, sources) = ends(args, &url).await?;
    // A name in the URL is sent as authorization, which reqwest knows how to do.
    let no_user = url.username().is_empty() && url.password().is_none();
    let bare = url.scheme() == "http" && no_user && !args.connection.http2();
    let mut clients = Vec::new();
    if !bare {
        let from = sources.addresses().iter().copied().map(Some);
        let from: Vec<_> = if sources.addresses().is_empty() { vec![None] } else { from.collect() };
        clients = from
            .into_iter()
            .map(|from| probe::client(&url, &args.connection, from))
            .collect::<anyhow::Result<_>>()?;
    }
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.extend(args.connection.headers()?);
    Ok(Plan {
        ask: Ask { url, address, headers },
        sources,
        clients,
        streams: args.streams.get(),
        threads: args.threads.get().min(args.streams.get()),
        ramp: args.ramp,
        run: fastrand::u32(..),
        lanes,
        began: Instant::now(),
    })
}

/// Both ends of the streams: what they connect to, and the addresses that they come from.
async fn ends(args: &BenchArgs, url: &Url) -> anyhow::Result<(Address, Sources)> {
    #[cfg(unix)]
    if let Some(path) = args.connection.unix_socket() {
        return Ok((Address::Unix(path.to_owned()), Sources::default()));
    }
    let address = probe::resolve(url, &args.sources).await?;
    Ok((Address::Tcp(address), Sources::new(&args.sources, address, args.streams.get())?))
}

/// What to publish, if anything.
fn order(args: &BenchArgs, plan: &Plan, stop: &Stop) -> anyhow::Result<Option<Order>> {
    let Some(target) = args.publish.as_ref().map(Secret::get) else { return Ok(None) };
    let server = &plan.ask.url;
    let url = match target {
        Target::Url(url) => url.clone(),
        Target::Path(path) => server.join(path).with_context(|| format!("{path} is not a path"))?,
        Target::Topic(topic) => {
            server.join(&format!("/topics/{topic}")).with_context(|| format!("{topic} is not a path"))?
        }
    };
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, TEXT)]);
    headers.extend(args.connection.headers()?);
    Ok(Some(Order {
        client: publisher::client(&url, &args.connection)?,
        peer: args.connection.peer(&url),
        url,
        headers,
        lanes: plan.lanes,
        rate: args.rate,
        duration: args.duration,
        size: args.size,
        run: plan.run,
        began: plan.began,
        stop: stop.clone(),
    }))
}

/// No figure would mean anything.
fn came_to_nothing(args: &BenchArgs, plan: &Plan, measurement: &Measurement) -> Option<Failure> {
    if measurement.tally.opened == 0 {
        let reason = measurement.tally.failures.keys().next().cloned().unwrap_or_default();
        let reason = format!("{}: no stream opened: {reason}", args.connection.peer(&plan.ask.url));
        return Some(Failure { reason, exit: Exit::Failed });
    }
    let published = measurement.published.as_ref().filter(|published| published.acknowledged == 0)?;
    let failure = published.failure.clone();
    let unsent =
        || Failure { reason: "nothing could be published in this time".to_owned(), exit: Exit::Failed };
    Some(failure.unwrap_or_else(unsent))
}

fn print(args: &BenchArgs, report: &Report) -> io::Result<()> {
    let written = if args.json {
        let mut json = serde_json::to_string(report)?;
        json.push('\n');
        io::stdout().lock().write_all(json.as_bytes())
    } else {
        anstream::stdout().lock().write_all(table::table(report).as_bytes())
    };
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn report(
    args: &BenchArgs,
    plan: &Plan,
    order: Option<&Order>,
    files: OpenFiles,
    processes: &Processes,
    measurement: &Measurement,
) -> Report {
    let tally = &measurement.tally;
    let published = order.zip(measurement.published.as_ref());
    Report {
        url: talk::shown(&plan.ask.url).to_string(),
        unix_socket: args.connection.unix_socket().map(|path| path.display().to_string()),
        streams: Streams {
            asked: plan.streams,
            opened: tally.opened,
            failed: tally.failed_streams(),
            cut: tally.cut,
            failures: tally.failures.clone(),
            opening_seconds: measurement.opening.as_secs_f64(),
            threads: plan.threads,
            sources: plan.sources.addresses().to_vec(),
        },
        open_files: Files { limit: files.limit, streams_that_fit: files.streams_that_fit },
        connect_seconds: Quantiles::of(&tally.connect),
        open_seconds: Quantiles::of(&tally.open),
        measured_seconds: measurement.time.as_secs_f64(),
        deliveries: Deliveries {
            count: tally.deliveries,
            per_second: per_second(tally.deliveries, measurement.time),
            bytes: tally.bytes,
            bytes_per_second: per_second(tally.bytes, measurement.time),
            oversize: tally.oversize,
            checked: measurement.published.as_ref().map(|published| checked(published, measurement)),
        },
        published: published.map(|(order, published)| published_report(args, order, published)),
        latency_seconds: published.map(|_| Quantiles::of(&tally.latency)),
        last_reader_seconds: published.map(|_| Quantiles::of(&tally.last_readers(tally.opened))),
        server: measurement.server.map(|server| server_report(server, processes, measurement)),
        reader_cores: measurement.reader_cores,
    }
}

/// Holds each stream's books against what was published.
fn checked(published: &Published, measurement: &Measurement) -> Checked {
    let tally = &measurement.tally;
    let lost = |books: &readers::Books| -> u64 {
        let lanes = books.iter().zip(&published.lanes);
        lanes.map(|(book, lane)| book.lost(lane.sent, &lane.unacknowledged)).sum()
    };
    Checked {
        delivered: tally.distinct,
        lost: measurement.books.iter().map(lost).sum(),
        doubled: tally.doubled,
        out_of_order: tally.out_of_order,
    }
}

fn published_report(args: &BenchArgs, order: &Order, published: &Published) -> report::Published {
    report::Published {
        url: talk::shown(&order.url).to_string(),
        rate: args.rate,
        size_bytes: args.size,
        connections: order.lanes,
        planned: published.planned,
        acknowledged: published.acknowledged,
        unacknowledged: published.lanes.iter().map(|lane| lane.unacknowledged.len() as u64).sum(),
        unsent: published.unsent,
        failure: published.failure.as_ref().map(|failure| failure.reason.clone()),
        acknowledge_seconds: Quantiles::of(&published.latency),
    }
}

fn server_report(server: ServerUse, processes: &Processes, measurement: &Measurement) -> Server {
    let tally = &measurement.tally;
    let cpu = server.cpu.as_secs_f64();
    let grown = server.memory_open.checked_sub(server.memory_before);
    Server {
        pids: processes.pids().to_vec(),
        cpu_seconds: cpu,
        cores: cpu / server.time.as_secs_f64().max(1e-9),
        cpu_seconds_per_delivery: (tally.deliveries > 0).then(|| cpu / tally.deliveries as f64),
        memory_before_bytes: server.memory_before,
        memory_max_bytes: server.memory_max,
        memory_per_stream_bytes: grown.map(|bytes| bytes as f64 / tally.opened.max(1) as f64),
    }
}
