//! Lines of level warn and error: each in the code is in the operations guide, with its level, and each there is in the code.

use std::collections::BTreeSet;

use super::tree::{Finding, Tree};

const PAGE: &str = "docs/operations/log-lines.md";
const SOURCES: [&str; 2] = ["crates/sse-hub/src/", "crates/sse-server/src/"];

pub(super) fn documented(tree: &Tree) -> Vec<Finding> {
    let page = tree.files.get(PAGE).map_or("", String::as_str);
    let rows: Vec<_> = page.lines().enumerate().filter_map(|(at, line)| Some((at + 1, row(line)?))).collect();
    let mut findings = Vec::new();
    let mut written = BTreeSet::new();
    for source in
        tree.sources.iter().filter(|source| SOURCES.iter().any(|place| source.path.starts_with(place)))
    {
        for line in &source.log_lines {
            let told = (without_values(&line.message), line.level.as_str());
            if !rows.iter().any(|(_, (message, level))| (*message, *level) == (told.0.as_str(), told.1)) {
                let remedy =
                    format!("say in {PAGE} what `{}` of level {} means, and what to do", told.0, told.1);
                findings.push(Finding::new(&source.path, line.line, remedy));
            }
            written.insert(told.0);
        }
    }
    for (at, (message, _)) in rows.iter().filter(|(_, (message, _))| !written.contains(*message)) {
        findings.push(Finding::new(
            PAGE,
            *at,
            format!("remove `{message}`: no code logs it at warn or error"),
        ));
    }
    findings
}

/// Text and level of a row of a table.
fn row(line: &str) -> Option<(&str, &str)> {
    let (message, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
    Some((message, rest.split_once(" | ")?.0))
}

/// `room {name} is full` is `room … is full`.
fn without_values(message: &str) -> String {
    let mut text = String::new();
    let mut rest = message;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((_, end)) = after.split_once('}') else { break };
        text = text + before + "…";
        rest = end;
    }
    text + rest
}
