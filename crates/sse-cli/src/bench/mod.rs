//! `sse-cli bench`: opens many streams of a server, optionally publishes, and reports latency, loss and cost.

pub(crate) mod args;
mod framing;
mod measurement;
mod open_files;
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
mod stream_body;
mod table;
mod tally;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use sse_client::reqwest::Url;
use sse_client::reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::connection::event_stream_headers;
use crate::exit::Exit;
use crate::secret::Secret;
use crate::stop::Stop;
use crate::{address, status, stdout};
use args::{BenchArgs, Target};
use measurement::Measurement;
use open_files::OpenFiles;
use process::Processes;
use progress::Progress;
use publisher::{Failure, PublishPlan, Published};
use readers::Plan;
use report::{Checked, Deliveries, Quantiles, Report, Streams, per_second};
use socket::Address;
use stream_body::StreamRequest;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Runs the command. When stopped, it reports the measurement so far.
pub(crate) async fn run(args: BenchArgs, mut stop: Stop) -> anyhow::Result<Exit> {
    let processes = Processes::new(&args.pids)?;
    let publishers = args.publish.as_ref().map_or(0, |_| args.publishers());
    let files = open_files::allow(args.streams, publishers)?;
    let first_url = address::with_topics(args.stream.url.get(), &args.topics);
    let probed = tokio::select! {
        probed = probe::look(&first_url, &args.connection) => probed?,
        () = stop.wait() => return Ok(Exit::Interrupted),
    };
    let url = match probed {
        Ok(url) => url,
        Err(failure) => return Ok(failed(&failure)),
    };
    let plan = Arc::new(plan(&args, url, publishers).await?);
    let publish = publish_plan(&args, &plan, &stop)?;
    let progress = Progress::new(&args.status);
    let measurement =
        measurement::measure(&plan, publish.clone(), args.duration, &processes, &progress, stop).await?;
    drop(progress);
    if let Some(failure) = useless(&args, &plan, &measurement) {
        return Ok(failed(&failure));
    }
    let report = report(&args, &plan, publish.as_ref(), files, &measurement);
    let text = if args.json { serde_json::to_string(&report)? + "\n" } else { table::table(&report) };
    stdout::print(&text)?;
    if let Some(file) = &args.svg {
        let image = plot::svg(&report.heading(), &measurement.tally.latency, &measurement.steps);
        std::fs::write(file, image).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(Exit::Done)
}

fn failed(failure: &Failure) -> Exit {
    status::error(&failure.reason);
    failure.exit
}

async fn plan(args: &BenchArgs, url: Url, publishers: usize) -> anyhow::Result<Plan> {
    let (address, sources) = ends(args, &url).await?;
    // A user in the URL is sent as authorization, which is left to reqwest.
    let no_user = url.username().is_empty() && url.password().is_none();
    let bare = url.scheme() == "http" && no_user && !args.connection.http2;
    let mut clients = Vec::new();
    if !bare {
        let from = sources.iter().copied().map(Some);
        let from: Vec<_> = if sources.is_empty() { vec![None] } else { from.collect() };
        clients = from
            .into_iter()
            .map(|from| probe::client(&url, &args.connection, from))
            .collect::<anyhow::Result<_>>()?;
    }
    let mut headers = event_stream_headers();
    headers.extend(args.connection.headers()?);
    Ok(Plan {
        request: StreamRequest { url, address, headers },
        sources,
        clients,
        streams: args.streams,
        threads: args.threads.min(args.streams),
        ramp: args.ramp,
        run: fastrand::u32(..),
        publishers,
        began: Instant::now(),
    })
}

/// The addresses of the server and of the streams.
async fn ends(args: &BenchArgs, url: &Url) -> anyhow::Result<(Address, Vec<IpAddr>)> {
    #[cfg(unix)]
    if let Some(path) = args.connection.unix_socket() {
        return Ok((Address::Unix(path.to_owned()), Vec::new()));
    }
    let address = probe::resolve(url, &args.sources).await?;
    Ok((Address::Tcp(address), sources::choose(&args.sources, address, args.streams)?))
}

fn publish_plan(args: &BenchArgs, plan: &Plan, stop: &Stop) -> anyhow::Result<Option<PublishPlan>> {
    let Some(target) = args.publish.as_ref().map(Secret::get) else { return Ok(None) };
    let server = &plan.request.url;
    let url = match target {
        Target::Url(url) => url.clone(),
        Target::Path(path) => server.join(path).with_context(|| format!("{path} is not a path"))?,
        Target::Topic(topic) => {
            server.join(&format!("/topics/{topic}")).with_context(|| format!("{topic} is not a path"))?
        }
    };
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, TEXT)]);
    headers.extend(args.connection.headers()?);
    Ok(Some(PublishPlan {
        client: publisher::client(&url, &args.connection)?,
        peer: args.connection.peer(&url),
        url,
        headers,
        publishers: plan.publishers,
        rate: args.rate,
        duration: args.duration,
        size: args.size,
        run: plan.run,
        began: plan.began,
        stop: stop.clone(),
    }))
}

/// Why the measurement means nothing, if so.
fn useless(args: &BenchArgs, plan: &Plan, measurement: &Measurement) -> Option<Failure> {
    if measurement.tally.opened == 0 {
        let reason = measurement.tally.failures.keys().next().cloned().unwrap_or_default();
        let reason = format!("{}: no stream opened: {reason}", args.connection.peer(&plan.request.url));
        return Some(Failure { reason, exit: Exit::Failed });
    }
    let published = measurement.published.as_ref().filter(|published| published.acknowledged == 0)?;
    let failure = published.failure.clone();
    let unsent =
        || Failure { reason: "nothing could be published in this time".to_owned(), exit: Exit::Failed };
    Some(failure.unwrap_or_else(unsent))
}

fn report(
    args: &BenchArgs,
    plan: &Plan,
    publish: Option<&PublishPlan>,
    files: OpenFiles,
    measurement: &Measurement,
) -> Report {
    let tally = &measurement.tally;
    let published = publish.zip(measurement.published.as_ref());
    Report {
        url: address::redacted(&plan.request.url).to_string(),
        unix_socket: args.connection.unix_socket().map(|path| path.display().to_string()),
        streams: Streams {
            asked: plan.streams,
            opened: tally.opened,
            failed: tally.failed_streams(),
            cut: tally.cut,
            failures: tally.failures.clone(),
            opening_seconds: measurement.opening.as_secs_f64(),
            threads: plan.threads,
            sources: plan.sources.clone(),
        },
        open_files: files,
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
        published: published.map(|(plan, published)| published_report(args, plan, published)),
        latency_seconds: published.map(|_| Quantiles::of(&tally.latency)),
        last_reader_seconds: published.map(|_| Quantiles::of(&tally.last_readers(tally.opened))),
        server: measurement.server.clone(),
        reader_cores: measurement.reader_cores,
    }
}

/// Compares what each stream received with what was published.
fn checked(published: &Published, measurement: &Measurement) -> Checked {
    let tally = &measurement.tally;
    let sent = || published.publishers.iter().map(|one| (one.sent, one.unacknowledged.as_slice()));
    Checked {
        delivered: tally.distinct,
        lost: measurement.trackers.iter().map(|tracker| tracker.lost(sent())).sum(),
        doubled: tally.doubled,
        out_of_order: tally.out_of_order,
    }
}

fn published_report(args: &BenchArgs, plan: &PublishPlan, published: &Published) -> report::Published {
    report::Published {
        url: address::redacted(&plan.url).to_string(),
        rate: args.rate,
        size_bytes: args.size,
        connections: plan.publishers,
        planned: published.planned,
        acknowledged: published.acknowledged,
        unacknowledged: published.publishers.iter().map(|one| one.unacknowledged.len() as u64).sum(),
        unsent: published.unsent,
        failure: published.failure.as_ref().map(|failure| failure.reason.clone()),
        acknowledge_seconds: Quantiles::of(&published.latency),
    }
}
