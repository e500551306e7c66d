//! Can a reader go on where it stopped? Ids, what comes after one, and how soon readers come back.

use std::collections::HashSet;
use std::time::Duration;

use sse_client::reqwest::StatusCode;

use super::{buffering, count, seconds};
use crate::doctor::finding::{Finding, Severity, Verdict};
use crate::doctor::observation::{Answer, Observation, Resume, Stream};
use crate::doctor::remedy::Remedy;

const RETRY: std::ops::RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(60);

pub(super) fn ids(_: &Observation, _: &Answer, stream: &Stream) -> Verdict {
    let body = &stream.body;
    if body.events.is_empty() {
        return Verdict::Unjudged("no event came");
    }
    if body.last_event_id().is_empty() && body.events.iter().all(|event| event.id.is_none()) {
        return Verdict::found(Finding {
            severity: Severity::Warning,
            title: "the events have no ids",
            seen: format!("{} without an id", count(body.event_count, "event", "events")),
            why: "A reader cannot tell the server where it stopped: what comes while it reconnects is lost.",
            remedy: Remedy::Ids,
        });
    }
    let mut known = HashSet::new();
    let mut ids = body.events.iter().filter_map(|event| event.id.as_deref()).filter(|id| !id.is_empty());
    if let Some(twice) = ids.find(|id| !known.insert(*id)) {
        return Verdict::found(Finding {
            severity: Severity::Warning,
            title: "an id is given twice",
            seen: format!("id: {twice}"),
            why: "A reader that resumes from it gets events again, or misses some.",
            remedy: Remedy::UniqueIds,
        });
    }
    Verdict::Good(format!("the last is {}", body.last_event_id()))
}

pub(super) fn resume(_: &Observation, _: &Answer, stream: &Stream) -> Verdict {
    let Some(resume) = &stream.resume else { return Verdict::Unjudged("no id to resume from") };
    if resume.status != StatusCode::OK {
        return Verdict::found(Finding {
            severity: Severity::Fault,
            title: "a reader that comes back is refused",
            seen: format!("with Last-Event-ID: {} the answer is {}", resume.after, resume.status),
            why: "Browsers close for good, though the stream is there.",
            remedy: Remedy::Resume,
        });
    }
    if repeats(resume) {
        return Verdict::found(Finding {
            severity: Severity::Warning,
            title: "a reader that comes back gets events again",
            seen: format!("after Last-Event-ID: {} came {}", resume.after, listed(&resume.came)),
            why: "The header names the last event that the reader has: the next one is wanted.",
            remedy: Remedy::Resume,
        });
    }
    if resume.expected.is_empty() {
        return Verdict::Unjudged("no event came after the first with an id");
    }
    if resume.expected.starts_with(&resume.came) && !resume.came.is_empty() {
        return Verdict::Good(format!("went on after {}", resume.after));
    }
    if buffering::evidence(&stream.body, stream.began).is_some() {
        return Verdict::Unjudged("events are held back");
    }
    Verdict::found(Finding {
        severity: Severity::Warning,
        title: "a reader that comes back misses events",
        seen: missed(resume),
        why: "What was sent while a reader was away is lost, and nobody notices.",
        remedy: Remedy::Resume,
    })
}

/// The event that was named comes again, or one before it.
fn repeats(resume: &Resume) -> bool {
    let place = |id: &String| resume.expected.iter().position(|expected| expected == id);
    let places: Vec<_> = resume.came.iter().filter_map(place).collect();
    resume.came.contains(&resume.after) || !places.is_sorted_by(|a, b| a < b)
}

fn missed(resume: &Resume) -> String {
    let first = resume.expected.first().map_or("", String::as_str);
    match resume.came.first() {
        Some(came) => format!("after Last-Event-ID: {} came {came}, not {first}", resume.after),
        None => format!(
            "after Last-Event-ID: {} nothing came in {}, not even {first}",
            resume.after,
            seconds(resume.waited)
        ),
    }
}

fn listed(ids: &[String]) -> String {
    ids.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ")
}

pub(super) fn retry(_: &Observation, _: &Answer, stream: &Stream) -> Verdict {
    if let Some(wrong) = &stream.body.wire().wrong_retry {
        return Verdict::found(Finding {
            severity: Severity::Warning,
            title: "a retry hint is no number",
            seen: format!("retry: {wrong}"),
            why: "It is milliseconds in digits. Everything else is ignored.",
            remedy: Remedy::Retry,
        });
    }
    let Some(retry) = stream.body.retry() else {
        return Verdict::found(Finding {
            severity: Severity::Note,
            title: "there is no retry hint",
            seen: "no retry: line came".to_owned(),
            why: "Each browser then waits as it likes (3 s in Chromium, 5 s in Firefox) before it comes back.",
            remedy: Remedy::Retry,
        });
    };
    if RETRY.contains(&retry) {
        return Verdict::Good(seconds(retry));
    }
    let short = retry < *RETRY.start();
    Verdict::found(Finding {
        severity: Severity::Warning,
        title: if short { "the retry hint is very short" } else { "the retry hint is very long" },
        seen: format!("retry: {}", retry.as_millis()),
        why: if short {
            "When the server restarts, all readers come back at once, and again and again."
        } else {
            "After each break a page shows old news for so long."
        },
        remedy: Remedy::Retry,
    })
}
