//! Can a reader resume? Ids, what arrives after one, and the reconnection delay.

use std::collections::HashSet;
use std::time::Duration;

use sse_client::reqwest::StatusCode;

use super::buffering;
use crate::doctor::finding::{Finding, Verdict};
use crate::doctor::fix;
use crate::doctor::observation::{Answer, Observation, Resume, Stream};
use crate::units::{count, seconds};

/// Acceptable reconnection delays.
const RETRY: std::ops::RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(60);

pub(super) fn ids(_: &Observation, _: &Answer, stream: &Stream) -> Verdict {
    let body = &stream.body;
    if body.events.is_empty() {
        return Verdict::Unjudged("no event came");
    }
    if body.last_event_id().is_empty() && body.events.iter().all(|event| event.id.is_none()) {
        return Finding::warning("the events have no ids")
            .seen(format!("{} without an id", count(body.event_count, "event")))
            .why("A reader cannot resume: events are lost while it reconnects.")
            .fix(fix::IDS);
    }
    let mut known = HashSet::new();
    let mut ids = body.events.iter().filter_map(|event| event.id.as_deref()).filter(|id| !id.is_empty());
    if let Some(twice) = ids.find(|id| !known.insert(*id)) {
        return Finding::warning("an id is used twice")
            .seen(format!("id: {twice}"))
            .why("A reader that resumes after it gets events again, or misses some.")
            .fix(fix::UNIQUE_IDS);
    }
    Verdict::Good(format!("the last is {}", body.last_event_id()))
}

pub(super) fn resume(_: &Observation, _: &Answer, stream: &Stream) -> Verdict {
    let Some(resume) = &stream.resume else { return Verdict::Unjudged("no id to resume from") };
    if resume.status != StatusCode::OK {
        return Finding::fault("a reader that resumes is refused")
            .seen(format!("with Last-Event-ID: {} the answer is {}", resume.after, resume.status))
            .why("Browsers then close for good, although the stream exists.")
            .fix(fix::RESUME);
    }
    if repeats(resume) {
        return Finding::warning("a reader that resumes gets events again").seen(format!("after Last-Event-ID: {} came {}", resume.after, listed(&resume.received))).why("The header names the last event that the reader has; the stream must continue with the next.").fix(fix::RESUME);
    }
    if resume.expected.is_empty() {
        return Verdict::Unjudged("no event followed the first id");
    }
    if resume.expected.starts_with(&resume.received) && !resume.received.is_empty() {
        return Verdict::Good(format!("continued after {}", resume.after));
    }
    if buffering::evidence(&stream.body, stream.began).is_some() {
        return Verdict::Unjudged("events are buffered");
    }
    Finding::warning("a reader that resumes misses events")
        .seen(missed(resume))
        .why("Events that were sent while a reader was away are lost silently.")
        .fix(fix::RESUME)
}

/// The named event or one before it came again.
fn repeats(resume: &Resume) -> bool {
    let index = |id: &String| resume.expected.iter().position(|expected| expected == id);
    let indices: Vec<_> = resume.received.iter().filter_map(index).collect();
    resume.received.contains(&resume.after) || !indices.is_sorted_by(|a, b| a < b)
}

fn missed(resume: &Resume) -> String {
    let Resume { after, expected, received, waited, .. } = resume;
    if let Some((came, wanted)) = received.iter().zip(expected).find(|(came, wanted)| came != wanted) {
        return format!("after Last-Event-ID: {after} came {came}, not {wanted}");
    }
    let missing = expected.get(received.len()).map_or("", String::as_str);
    format!("after Last-Event-ID: {after} nothing came in {}, not even {missing}", seconds(*waited))
}

fn listed(ids: &[String]) -> String {
    ids.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ")
}

pub(super) fn retry(_: &Observation, _: &Answer, stream: &Stream) -> Verdict {
    if let Some(wrong) = &stream.body.wire().wrong_retry {
        return Finding::warning("a retry hint is not a number")
            .seen(format!("retry: {wrong}"))
            .why("It must be milliseconds in digits. Anything else is ignored.")
            .fix(fix::RETRY);
    }
    let Some(retry) = stream.body.retry() else {
        return Finding::note("there is no retry hint").seen("no retry: line came").why("Each browser then uses its own delay (3 s in Chromium, 5 s in Firefox) before it reconnects.").fix(fix::RETRY);
    };
    if RETRY.contains(&retry) {
        return Verdict::Good(seconds(retry));
    }
    let short = retry < *RETRY.start();
    Finding::warning(if short { "the retry hint is very short" } else { "the retry hint is very long" })
        .seen(format!("retry: {}", retry.as_millis()))
        .why(if short {
            "When the server restarts, all readers reconnect at once, again and again."
        } else {
            "After each lost connection, pages are out of date for this long."
        })
        .fix(fix::RETRY)
}
