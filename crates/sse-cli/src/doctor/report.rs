//! The diagnosis for people: what was seen, why it matters, and how to fix it. Fits the terminal.

use std::fmt::Write;

use anstyle::{AnsiColor, Effects, Style};
use sse_client::reqwest::header::{SERVER, VIA};
use unicode_width::UnicodeWidthStr;

use super::args::Proxy;
use super::diagnosis::Diagnosis;
use super::finding::{Finding, Severity};
use super::fix::{Component, Fix};
use super::observation::{Answer, Observation};
use crate::escape_terminal::escape_terminal;
use crate::units::count;

const DIM: Style = Style::new().effects(Effects::DIMMED);
const BOLD: Style = Style::new().effects(Effects::BOLD);
const GOOD: Style = AnsiColor::Green.on_default();
/// Column of the texts after their labels.
const INDENT: usize = 9;

/// The report with colours, in lines of at most `columns` unless a word or setting is longer.
pub(super) fn render(
    seen: &Observation,
    diagnosis: &Diagnosis,
    proxy: Option<Proxy>,
    columns: usize,
) -> String {
    let mut out = String::new();
    head(&mut out, seen);
    let components = components(seen, proxy);
    for (_, finding) in &diagnosis.findings {
        out.push('\n');
        finding_text(&mut out, finding, &components, seen, columns);
    }
    out.push('\n');
    rest(&mut out, diagnosis, columns);
    let has_more =
        |fix: Fix| Component::ALL.iter().any(|one| !components.contains(one) && !fix.lines(*one).is_empty());
    if diagnosis.findings.iter().any(|(_, finding)| has_more(finding.fix)) {
        let _ = writeln!(out, "{DIM}Another proxy? --proxy nginx, apache, caddy, haproxy or all.{DIM:#}");
    }
    summary(&mut out, diagnosis);
    out
}

fn head(out: &mut String, seen: &Observation) {
    let _ = writeln!(out, "{BOLD}{}{BOLD:#}", escape_terminal(&seen.peer().to_string()));
    let Ok(answer) = &seen.answer else { return };
    let server = answer.header(SERVER).or_else(|| answer.header(VIA));
    let server = server.map(|server| format!(", {}", escape_terminal(&server))).unwrap_or_default();
    let _ = writeln!(out, "{}, {:?}{server}", answer.status, answer.version);
    if let Some(stream) = &seen.stream {
        let events = count(stream.body.event_count, "event");
        let bytes = count(stream.body.bytes, "byte");
        let time = stream.ended.as_secs_f64();
        let silence = stream.longest_silence().as_secs_f64();
        let _ = writeln!(out, "in {time:.1} s: {events}, {bytes}, longest silence {silence:.1} s");
    }
}

fn finding_text(
    out: &mut String,
    finding: &Finding,
    components: &[Component],
    seen: &Observation,
    columns: usize,
) {
    let (label, style) = match finding.severity {
        Severity::Fault => ("FAULT", AnsiColor::Red.on_default().effects(Effects::BOLD)),
        Severity::Warning => ("WARNING", AnsiColor::Yellow.on_default().effects(Effects::BOLD)),
        Severity::Note => ("NOTE", AnsiColor::Cyan.on_default().effects(Effects::BOLD)),
    };
    let _ = writeln!(out, "{style}{label}{style:#}: {BOLD}{}{BOLD:#}", finding.title);
    labelled(out, "seen", &escape_terminal(&finding.seen), columns);
    labelled(out, "why", finding.why, columns);
    let mut label = "fix";
    for component in components {
        let lines = lines(finding.fix, *component, seen);
        if lines.is_empty() {
            continue;
        }
        let _ = writeln!(out, "  {DIM}{label:<7}{DIM:#}{}:", component.name());
        label = "";
        for line in lines {
            let _ =
                writeln!(out, "{:width$}{GOOD}{}{GOOD:#}", "", escape_terminal(&line), width = INDENT + 2);
        }
    }
}

/// What is good, and what was not judged.
fn rest(out: &mut String, diagnosis: &Diagnosis, columns: usize) {
    if !diagnosis.good.is_empty() {
        let names: Vec<_> = diagnosis.good.iter().map(|(name, _)| *name).collect();
        labelled(out, "good", &names.join(", "), columns);
    }
    // Without a stream most checks are not judged.
    let unjudged = diagnosis.unjudged.iter().filter(|(_, why)| !matches!(*why, "no stream" | "no answer"));
    let unjudged: Vec<_> = unjudged.map(|(name, why)| format!("{name} ({why})")).collect();
    if !unjudged.is_empty() {
        labelled(out, "unseen", &unjudged.join(", "), columns);
    }
}

fn summary(out: &mut String, diagnosis: &Diagnosis) {
    if diagnosis.findings.is_empty() {
        let _ = writeln!(out, "{GOOD}nothing found{GOOD:#}");
        return;
    }
    let kinds = [(Severity::Fault, "fault"), (Severity::Warning, "warning"), (Severity::Note, "note")];
    let parts = kinds.into_iter().filter_map(|(severity, name)| match diagnosis.count(severity) {
        0 => None,
        number => Some(count(number as u64, name)),
    });
    let _ = writeln!(out, "{BOLD}{}{BOLD:#}", parts.collect::<Vec<_>>().join(", "));
}

/// The lines for one component, with the origin of the page filled in.
pub(super) fn lines(fix: Fix, component: Component, seen: &Observation) -> Vec<String> {
    let origin = seen.page.as_ref().map_or("", |page| page.origin.as_str());
    fix.lines(component).iter().map(|line| line.replace("{origin}", origin)).collect()
}

/// The proxy that was requested or that responded, and always the application.
fn components(seen: &Observation, wanted: Option<Proxy>) -> Vec<Component> {
    let proxy = match wanted {
        Some(Proxy::All) => return Component::ALL.to_vec(),
        Some(Proxy::Nginx) => Component::Nginx,
        Some(Proxy::Apache) => Component::Apache,
        Some(Proxy::Caddy) => Component::Caddy,
        Some(Proxy::Haproxy) => Component::Haproxy,
        None => seen.answer.as_ref().ok().and_then(proxy_of).unwrap_or(Component::Nginx),
    };
    vec![proxy, Component::Application]
}

/// The proxy that the response names.
fn proxy_of(answer: &Answer) -> Option<Component> {
    let names = [answer.header(SERVER), answer.header(VIA)].into_iter().flatten();
    let names = names.collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    let known = [
        ("nginx", Component::Nginx),
        ("openresty", Component::Nginx),
        ("apache", Component::Apache),
        ("caddy", Component::Caddy),
        ("haproxy", Component::Haproxy),
    ];
    known.into_iter().find(|(name, _)| names.contains(name)).map(|(_, component)| component)
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
