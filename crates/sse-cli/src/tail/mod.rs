//! `sse-cli tail`: prints the events of one stream until it is told to stop.

pub(crate) mod args;

use anyhow::Context;
use sse_client::reqwest::Url;
use sse_client::reqwest::header::{HeaderValue, USER_AGENT};
use sse_client::{CloseReason, EventSource, Signal};

use crate::exit::Exit;
use crate::output::Output;
use crate::refusal;
use crate::talk::{self, Talk};
use args::TailArgs;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("sse-cli/", env!("CARGO_PKG_VERSION")));

/// Runs the command.
///
/// # Errors
/// When the client cannot be set up, or stdout cannot be written.
pub(crate) async fn run(args: TailArgs) -> anyhow::Result<Exit> {
    let mut source = open(&args)?;
    let mut talk = Talk::new(args.quiet);
    let mut output = Output::new(args.json);
    let mut left = args.count;
    while let Some(signal) = source.next().await {
        match signal {
            Signal::Opened(opened) => talk.connected(&opened.url),
            Signal::Event(event) => {
                talk.gap(&event);
                if !wants(&args.events, event.event_type()) {
                    continue;
                }
                if !output.print(&event).context("cannot write to stdout")? {
                    return Ok(Exit::Done);
                }
                left = left.map(|left| left - 1);
                if left == Some(0) {
                    return Ok(Exit::Done);
                }
            }
            Signal::Dropped(error) => talk.dropped(error),
            Signal::Reconnecting(lost) => talk.reconnecting(source.url(), &lost),
            Signal::Closed(reason) => return Ok(closed(&talk, source.url(), reason).await),
            _ => {}
        }
    }
    Ok(Exit::Done)
}

fn open(args: &TailArgs) -> anyhow::Result<EventSource> {
    let mut url = args.url.clone();
    if !args.topics.is_empty() {
        url.query_pairs_mut().extend_pairs(args.topics.iter().map(|topic| ("topic", topic)));
    }
    let mut builder = EventSource::builder(url).header(USER_AGENT, AGENT);
    if let Some(id) = &args.last_event_id {
        builder = builder.last_event_id(id.clone());
    }
    builder.build().with_context(|| format!("cannot read from {}", talk::shown(&args.url)))
}

/// No filter wants everything.
fn wants(types: &[String], event_type: &str) -> bool {
    types.is_empty() || types.iter().any(|wanted| wanted == event_type)
}

/// Says why the stream ended for good.
async fn closed(talk: &Talk, url: &Url, reason: CloseReason) -> Exit {
    let mut text = format!("{}: {reason}", talk::shown(url));
    let exit = match reason {
        CloseReason::NoContent => {
            talk.ended();
            return Exit::Done;
        }
        CloseReason::Status(response) => {
            let exit = Exit::from_status(response.status());
            if let Some(refusal) = refusal::read(*response).await {
                text = format!("{text}: {refusal}");
            }
            exit
        }
        _ => Exit::Failed,
    };
    talk::error(&text);
    exit
}
