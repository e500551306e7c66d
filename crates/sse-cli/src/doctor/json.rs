//! The diagnosis for programs: one JSON object with stable fields.

use serde::Serialize;

use super::diagnosis::Diagnosis;
use super::finding::{Finding, Severity};
use super::fix::Component;
use super::observation::Observation;
use super::report;
use crate::address;
use crate::escape_terminal::escape_json;

#[derive(Serialize)]
struct Report<'a> {
    url: String,
    /// `null` over TCP.
    unix_socket: Option<String>,
    /// `null` without a response.
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
    #[serde(flatten)]
    finding: &'a Finding,
    fix: Vec<FixLines>,
    #[serde(rename = "mend")] // the former name, for one release
    former_fix: Vec<FixLines>,
}

#[derive(Serialize, Clone)]
struct FixLines {
    place: Component,
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

pub(super) fn render(seen: &Observation, diagnosis: &Diagnosis) -> String {
    let url = seen.answer.as_ref().map_or(&seen.url, |answer| &answer.url);
    let stream = seen.stream.as_ref();
    let findings = diagnosis.findings.iter().map(|(check, finding)| {
        let lines = |place| FixLines { place, lines: report::lines(finding.fix, place, seen) };
        let fix: Vec<_> = Component::ALL.map(lines).into_iter().filter(|fix| !fix.lines.is_empty()).collect();
        Found { check, finding, former_fix: fix.clone(), fix }
    });
    let report = Report {
        url: address::redacted(url).to_string(),
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
    format!("{}\n", escape_json(&json))
}
