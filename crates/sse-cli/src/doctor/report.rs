//! The diagnosis for people: what was seen, why it matters, what to write where. Fits the terminal.

use std::fmt::Write;

use anstyle::{AnsiColor, Effects, Style};
use sse_client::reqwest::header::{SERVER, VIA};
use unicode_width::UnicodeWidthStr;

use super::args::Proxy;
use super::checks::count;
use super::diagnosis::Diagnosis;
use super::finding::{Finding, Severity};
use super::observation::{Answer, Observation};
use super::remedy::{Place, Remedy};
use crate::harmless::harmless;

const DIM: Style = Style::new().effects(Effects::DIMMED);
const BOLD: Style = Style::new().effects(Effects::BOLD);
const GOOD: Style = AnsiColor::Green.on_default();
/// Where texts begin under their labels.
const INDENT: usize = 9;

/// The report, with colours, in lines of at most `columns` as far as words and settings allow.
pub(super) fn render(
    seen: &Observation,
    diagnosis: &Diagnosis,
    proxy: Option<Proxy>,
    columns: usize,
) -> String {
    let mut out = String::new();
    head(&mut out, seen);
    let places = places(seen, proxy);
    for (_, finding) in &diagnosis.findings {
        out.push('\n');
        one(&mut out, finding, &places, seen, columns);
    }
    out.push('\n');
    rest(&mut out, diagnosis, columns);
    let more = |remedy: Remedy| {
        Place::ALL.iter().any(|place| !places.contains(place) && !remedy.lines(*place).is_empty())
    };
    if diagnosis.findings.iter().any(|(_, finding)| more(finding.remedy)) {
        let _ = writeln!(out, "{DIM}Another proxy? --proxy nginx, apache, caddy, haproxy or all.{DIM:#}");
    }
    sum(&mut out, diagnosis);
    out
}

fn head(out: &mut String, seen: &Observation) {
    let _ = writeln!(out, "{BOLD}{}{BOLD:#}", harmless(&seen.peer().to_string()));
    let Ok(answer) = &seen.answer else { return };
    let server = answer.header(SERVER).or_else(|| answer.header(VIA));
    let server = server.map(|server| format!(", {}", harmless(&server))).unwrap_or_default();
    let _ = writeln!(out, "{}, {:?}{server}", answer.status, answer.version);
    if let Some(stream) = &seen.stream {
        let events = count(stream.body.event_count, "event", "events");
        let bytes = count(stream.body.bytes, "byte", "bytes");
        let time = stream.ended.as_secs_f64();
        let silence = stream.longest_silence().as_secs_f64();
        let _ = writeln!(out, "in {time:.1} s: {events}, {bytes}, the longest silence {silence:.1} s");
    }
}

fn one(out: &mut String, finding: &Finding, places: &[Place], seen: &Observation, columns: usize) {
    let (label, style) = match finding.severity {
        Severity::Fault => ("FAULT", AnsiColor::Red.on_default().effects(Effects::BOLD)),
        Severity::Warning => ("WARNING", AnsiColor::Yellow.on_default().effects(Effects::BOLD)),
        Severity::Note => ("NOTE", AnsiColor::Cyan.on_default().effects(Effects::BOLD)),
    };
    let _ = writeln!(out, "{style}{label}{style:#}: {BOLD}{}{BOLD:#}", finding.title);
    labelled(out, "seen", &harmless(&finding.seen), columns);
    labelled(out, "why", finding.why, columns);
    let mut label = "mend";
    for place in places {
        let lines = lines(finding.remedy, *place, seen);
        if lines.is_empty() {
            continue;
        }
        let _ = writeln!(out, "  {DIM}{label:<7}{DIM:#}{}:", place.name());
        label = "";
        for line in lines {
            let _ = writeln!(out, "{:width$}{GOOD}{}{GOOD:#}", "", harmless(&line), width = INDENT + 2);
        }
    }
}

/// What needs no mending, and what nothing can be said of.
fn rest(out: &mut String, diagnosis: &Diagnosis, columns: usize) {
    if !diagnosis.good.is_empty() {
        let names: Vec<_> = diagnosis.good.iter().map(|(name, _)| *name).collect();
        labelled(out, "good", &names.join(", "), columns);
    }
    // Without a stream there is nothing to be said of most.
    let unjudged = diagnosis.unjudged.iter().filter(|(_, why)| !matches!(*why, "no stream" | "no answer"));
    let unjudged: Vec<_> = unjudged.map(|(name, why)| format!("{name} ({why})")).collect();
    if !unjudged.is_empty() {
        labelled(out, "unseen", &unjudged.join(", "), columns);
    }
}

fn sum(out: &mut String, diagnosis: &Diagnosis) {
    if diagnosis.findings.is_empty() {
        let _ = writeln!(out, "{GOOD}nothing found{GOOD:#}");
        return;
    }
    let kinds = [
        (Severity::Fault, "fault", "faults"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Note, "note", "notes"),
    ];
    let parts = kinds.into_iter().filter_map(|(severity, one, many)| match diagnosis.count(severity) {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    });
    let _ = writeln!(out, "{BOLD}{}{BOLD:#}", parts.collect::<Vec<_>>().join(", "));
}

/// The lines to write in one place, for this stream.
pub(super) fn lines(remedy: Remedy, place: Place, seen: &Observation) -> Vec<String> {
    let origin = seen.page.as_ref().map_or("", |page| page.origin.as_str());
    remedy.lines(place).iter().map(|line| line.replace("{origin}", origin)).collect()
}

/// The proxy that is asked for or that answered, and always the application.
fn places(seen: &Observation, wanted: Option<Proxy>) -> Vec<Place> {
    let proxy = match wanted {
        Some(Proxy::All) => return Place::ALL.to_vec(),
        Some(Proxy::Nginx) => Place::Nginx,
        Some(Proxy::Apache) => Place::Apache,
        Some(Proxy::Caddy) => Place::Caddy,
        Some(Proxy::Haproxy) => Place::Haproxy,
        None => seen.answer.as_ref().ok().and_then(proxy_of).unwrap_or(Place::Nginx),
    };
    vec![proxy, Place::Application]
}

/// The proxy that the answer names.
fn proxy_of(answer: &Answer) -> Option<Place> {
    let names = [answer.header(SERVER), answer.header(VIA)].into_iter().flatten();
    let names = names.collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    let known = [
        ("nginx", Place::Nginx),
        ("openresty", Place::Nginx),
        ("apache", Place::Apache),
        ("caddy", Place::Caddy),
        ("haproxy", Place::Haproxy),
    ];
    known.into_iter().find(|(name, _)| names.contains(name)).map(|(_, place)| place)
}

/// A text under its label, wrapped between words.
fn labelled(out: &mut String, label: &str, text: &str, columns: usize) {
    let _ = write!(out, "  {DIM}{label:<7}{DIM:#}");
    let mut column = INDENT;
    for (n, word) in text.split_whitespace().enumerate() {
        let width = word.width();
        if n > 0 && column + 1 + width > columns {
            let _ = write!(out, "\n{:INDENT$}", "");
            column = INDENT;
        } else if n > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push('\n');
}
