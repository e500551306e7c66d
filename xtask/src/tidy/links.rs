//! Links in Markdown files: each relative one leads to a file of the tree, each anchor to a heading.

use std::collections::HashSet;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::tree::{Finding, Tree};

pub(super) fn broken(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files.iter().filter(|(path, _)| path.ends_with(".md")) {
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event else {
                continue;
            };
            let line = text.get(..range.start).unwrap_or_default().matches('\n').count() + 1;
            if let Some(remedy) = fault(tree, path, &dest_url) {
                findings.push(Finding::new(path, line, remedy));
            }
        }
    }
    findings
}

fn fault(tree: &Tree, from: &str, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() { from.to_owned() } else { join(from, file) };
    let folder = format!("{target}/");
    let Some(text) = tree.files.get(&target) else {
        let is_folder = tree.files.keys().any(|path| path.starts_with(&folder)) || target.is_empty();
        return (!is_folder).then(|| format!("link to a file that exists; `{target}` does not"));
    };
    let is_there = anchor.is_empty() || !target.ends_with(".md") || anchors(text).contains(anchor);
    (!is_there).then(|| format!("link to a heading that exists; `{target}` has no `#{anchor}`"))
}

/// A link from one file, as a path from the root.
fn join(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The anchors that GitHub gives to the headings of a file.
fn anchors(text: &str) -> HashSet<String> {
    let mut anchors = HashSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match (event, &mut heading) {
            (Event::Start(Tag::Heading { .. }), _) => heading = Some(String::new()),
            (Event::Text(part) | Event::Code(part), Some(heading)) => heading.push_str(&part),
            (Event::End(TagEnd::Heading(_)), Some(title)) => {
                let kept = title.chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char));
                let anchor: String = kept.collect::<String>().to_lowercase().replace(' ', "-");
                // One that is there already gets a number.
                let numbered = (1..).map(|number| format!("{anchor}-{number}"));
                let mut candidates = std::iter::once(anchor.clone()).chain(numbered);
                anchors.extend(candidates.find(|candidate| !anchors.contains(candidate)));
                heading = None;
            }
            _ => {}
        }
    }
    anchors
}
