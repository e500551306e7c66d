//! Banned words: names of applications outside `apps/`, and words that the glossary replaced.

use std::collections::BTreeSet;

use super::tree::{Finding, Tree};

const APPS: &str = "crates/sse-server/src/apps/";
/// Sources that must serve any application.
const NEUTRAL: [&str; 2] = ["crates/sse-hub/src/", "crates/sse-server/src/"];
/// Where else the applications may be listed.
const LISTS: [&str; 2] = ["crates/sse-server/src/config.rs", "crates/sse-server/src/main.rs"];
/// Read the clocks of the system, none of which is an application.
const CLOCKS: [&str; 2] =
    ["crates/sse-hub/src/log/log_time.rs", "crates/sse-server/src/client_limits/rate.rs"];

/// Parts of file names that say nothing.
const EMPTY_NAMES: [&str; 8] = ["utils", "util", "helpers", "helper", "common", "misc", "manager", "types"];

/// Words and phrases in code and prose, and what to write instead. One in capitals is the name of a type.
const REPLACED: [(&str, &str); 18] = [
    ("utils", "the noun of what it holds"),
    ("mend", "fix"),
    ("mends", "fixes"),
    ("mended", "fixed"),
    ("deaf", "without_cleanup"),
    ("stranger", "unknown"),
    ("strangers", "unknown"),
    ("outlet", "DirectWriter"),
    ("parcel", "EncodedChunk"),
    ("patience", "RetryPolicy, or which timeout it is"),
    ("shutdown switch", "CancellationToken"),
    ("comes into being", "is created"),
    ("not kept any more", "expired"),
    ("Crowded", "RoomFull"),
    ("TooFast", "RateLimited"),
    ("Unopened", "OpenError"),
    ("Undelivered", "PublishError"),
    ("NotSeen", "ProcessError"),
];

/// Files whose words are checked, except for this list, its tests and third-party files.
const PROSE: [&str; 7] = [".rs", ".md", ".js", ".mjs", ".css", ".html", ".toml"];
const EXEMPT: [&str; 4] =
    ["xtask/src/tidy/words.rs", "xtask/src/tidy/tests.rs", "web/pages/vendor/", "xtask/e2e/fixtures/"];

pub(super) fn applications(tree: &Tree) -> Vec<Finding> {
    let names =
        tree.files.keys().filter_map(|path| path.strip_prefix(APPS)?.split_once('/').map(|(name, _)| name));
    let names: BTreeSet<&str> = names.collect();
    let mut findings = Vec::new();
    for source in &tree.sources {
        let is = |places: &[&str]| places.iter().any(|place| source.path.starts_with(place));
        if !is(&NEUTRAL) || is(&LISTS) || is(&CLOCKS) || source.path.starts_with(APPS) {
            continue;
        }
        for word in &source.words {
            let parts = split(&word.text);
            if let Some(name) = parts.iter().find(|part| names.contains(part.as_str())) {
                let remedy =
                    format!("do not name the application `{name}` outside apps/; let it register itself");
                findings.push(Finding::new(&source.path, word.line, remedy));
            }
        }
    }
    findings.dedup();
    findings
}

pub(super) fn banned(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in &tree.files {
        if !PROSE.iter().any(|end| path.ends_with(end))
            || EXEMPT.iter().any(|exempt| path.starts_with(exempt))
        {
            continue;
        }
        if let Some(empty) = split(path).iter().find(|part| EMPTY_NAMES.contains(&part.as_str())) {
            findings.push(Finding::new(path, 1, format!("name it after what it defines, not `{empty}`")));
        }
        // A former name that is accepted or given for a release has to be written somewhere.
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.contains("former ")) {
            let words = format!(" {} ", split(line).join(" "));
            let has = |word: &str| {
                let is_type = word.starts_with(char::is_uppercase);
                let mut names = line.split(|char: char| !char.is_alphanumeric());
                if is_type { names.any(|name| name == word) } else { words.contains(&format!(" {word} ")) }
            };
            let found = REPLACED.iter().filter(|(word, _)| has(word));
            findings.extend(
                found.map(|(word, instead)| {
                    Finding::new(path, number + 1, format!("`{word}`: write {instead}"))
                }),
            );
        }
    }
    findings
}

/// `leastPatience`, `least_patience` and `"least patience"` are all `["least", "patience"]`.
fn split(text: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut before = ' ';
    for char in text.chars() {
        if !char.is_alphanumeric() || char.is_uppercase() && before.is_lowercase() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| char.is_alphanumeric()) {
            word.extend(char.to_lowercase());
        }
        before = char;
    }
    words.retain(|word| !word.is_empty());
    words
}
