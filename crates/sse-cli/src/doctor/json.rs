//! The diagnosis for programs: one JSON object. Its fields are a promise.

use serde::Serialize;

use super::diagnosis::Diagnosis;
use super::finding::Severity;
use super::observation::Observation;
use super::remedy::Place;
use super::report;
use crate::harmless::harmless_json;
use crate::talk;

#[derive(Serialize)]
struct Report<'a> {
    url: String,
    /// `null` over TCP.
    unix_socket: Option<String>,
    /// `null` if no answer came.
    status: Option<u16>,
    /// The worst finding; `null` if there is none.
    severity: Option<Severity>,
    watched_seconds: Option<f64>,
    events: Option<u64>,
    bytes: Option<u64>,
    findings: Vec<Found<'a>>,
    good: Vec<Good<'a>>,
    unjudged: Vec<Unjudged<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    check: &'a str,
    severity: Severity,
    title: &'a str,
    seen: &'a str,
    why: &'a str,
    mend: Vec<Mend>,
}

#[derive(Serialize)]
struct Mend {
    place: Place,
    lines: Vec<String>,
}

#[derive(Serialize)]
struct Good<'a> {
    check: &'a str,
    seen: &'a str,
}

#[derive(Serialize)]
struct Unjudged<'a> {
    check: &'a str,
    why: &'a str,
}

/// One line.
pub(super) fn render(seen: &Observation, diagnosis: &Diagnosis) -> String {
    let url = seen.answer.as_ref().map_or(&seen.url, |answer| &answer.url);
    let stream = seen.stream.as_ref();
    let findings = diagnosis.findings.iter().map(|(check, finding)| Found {
        check,
        severity: finding.severity,
        title: finding.title,
        seen: &finding.seen,
        why: finding.why,
        mend: Place::ALL
            .into_iter()
            .map(|place| Mend { place, lines: report::lines(finding.remedy, place, seen) })
            .filter(|mend| !mend.lines.is_empty())
            .collect(),
    });
    let report = Report {
        url: talk::shown(url).to_string(),
        unix_socket: seen.socket.as_ref().map(|path| path.display().to_string()),
        status: seen.answer.as_ref().ok().map(|answer| answer.status.as_u16()),
        severity: diagnosis.severity(),
        watched_seconds: stream.map(|stream| (stream.ended.as_secs_f64() * 1000.0).round() / 1000.0),
        events: stream.map(|stream| stream.body.event_count),
        bytes: stream.map(|stream| stream.body.bytes),
        findings: findings.collect(),
        good: diagnosis.good.iter().map(|(check, seen)| Good { check, seen }).collect(),
        unjudged: diagnosis.unjudged.iter().map(|(check, why)| Unjudged { check, why }).collect(),
    };
    let json = serde_json::to_string(&report).expect("strings and numbers become JSON");
    format!("{}\n", harmless_json(&json))
}
