//! Allowed imports: layers between crates and inside the server, no cycles between files, and dependencies that are
//! confined to one place.

use std::collections::BTreeSet;

use super::graph;
use super::modules::Modules;
use super::scanner::{PathUse, Source};
use super::tree::{Finding, Tree};

/// Each of our crates, with those of them that it may import.
const CRATES: [(&str, &[&str]); 5] = [
    ("sse-core", &[]),
    ("sse-hub", &["sse-core"]),
    ("sse-server", &["sse-hub", "sse-core"]),
    ("sse-client", &["sse-core"]),
    ("sse-cli", &["sse-client", "sse-core"]),
];

const SERVER: &str = "crates/sse-server";

/// Modules of the server, from the bottom up. Each may import from those below it, not from its neighbours.
const SERVER_LAYERS: [&[&str]; 9] = [
    &["duration_flag", "settings_values", "shutdown_signal", "timestamp"],
    &["transport"],
    &["http"],
    &["auth"],
    &["apps", "ops"],
    &["config", "settings_file"],
    &["selection", "telemetry"],
    &["app"],
    &["main"],
];

/// Third-party crates that only some places may use: prefix of the crate's name, and the places.
const CONFINED: [(&str, &[&str]); 4] = [
    ("actix", &["crates/sse-server/"]),
    ("rusqlite", &["crates/sse-hub/src/log/disk/", "crates/sse-hub/src/log/disk.rs"]),
    ("clap", &["crates/sse-server/", "crates/sse-cli/", "xtask/"]),
    ("toml", &["crates/sse-server/", "xtask/"]),
];

/// Where the environment may be read.
const ENVIRONMENT: [&str; 5] = [
    "crates/sse-server/src/config.rs",
    "crates/sse-server/src/main.rs",
    "crates/sse-server/src/selection.rs",
    "crates/sse-server/src/telemetry.rs",
    "xtask/src/",
];

pub(super) fn layers(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        let Some((name, allowed)) =
            CRATES.iter().find(|(name, _)| source.package == format!("crates/{name}"))
        else {
            continue;
        };
        for path in &source.paths {
            let named = path.segments.first().map(|first| first.replace('_', "-")).unwrap_or_default();
            let is_ours = CRATES.iter().any(|(other, _)| *other == named);
            if is_ours && named != *name && !allowed.contains(&named.as_str()) {
                let remedy = format!("do not import {named} here; {name} may import {allowed:?}");
                findings.push(Finding::new(&source.path, path.line, remedy));
            }
        }
    }
    for edge in Modules::of(SERVER, &tree.sources).edges() {
        let (Some(from), Some(to)) = (edge.from.module.first(), edge.to.module.first()) else { continue };
        let above = |module: &str| SERVER_LAYERS.iter().position(|layer| layer.contains(&module));
        let remedy = match (above(from), above(to)) {
            _ if from == to => continue,
            (Some(from), Some(to)) if to < from => continue,
            (Some(_), Some(_)) => {
                format!("`{from}` must not import from `{to}`: move it down, or pass it in")
            }
            (None, _) => format!("give module `{from}` a place in SERVER_LAYERS of cargo xtask tidy"),
            (_, None) => format!("give module `{to}` a place in SERVER_LAYERS of cargo xtask tidy"),
        };
        findings.push(Finding::new(&edge.from.path, edge.line, remedy));
    }
    findings
}

pub(super) fn cycles(tree: &Tree) -> Vec<Finding> {
    let packages: BTreeSet<&str> = tree.sources.iter().map(|source| source.package.as_str()).collect();
    let cycles =
        packages.into_iter().flat_map(|package| graph::cycles(&Modules::of(package, &tree.sources).edges()));
    let finding = |cycle: Vec<graph::Edge>| {
        let first = cycle.first()?;
        let steps: Vec<String> =
            cycle.iter().map(|edge| format!("{}:{}", edge.from.path, edge.line)).collect();
        let remedy = format!(
            "move what both sides need into a file that imports neither; the cycle: {} -> {}",
            steps.join(" -> "),
            first.from.path
        );
        Some(Finding::new(&first.from.path, first.line, remedy))
    };
    cycles.filter_map(finding).collect()
}

pub(super) fn confined(tree: &Tree) -> Vec<Finding> {
    let each = |source: &Source, path: &PathUse| {
        let first = path.segments.first()?;
        let is_in = |places: &[&str]| places.iter().any(|place| source.path.starts_with(place));
        let confined = CONFINED.iter().find(|(name, places)| first.starts_with(name) && !is_in(places));
        let remedy = if let Some((_, places)) = confined {
            format!("use {first} in {} only", places.join(", "))
        } else if path.segments.windows(2).any(reads_environment) && !is_in(&ENVIRONMENT) {
            format!("read the environment in {} only", ENVIRONMENT.join(", "))
        } else {
            return None;
        };
        Some(Finding::new(&source.path, path.line, remedy))
    };
    let sources = tree.sources.iter();
    let mut findings: Vec<_> =
        sources.flat_map(|source| source.paths.iter().filter_map(|path| each(source, path))).collect();
    findings.dedup();
    findings
}

fn reads_environment(pair: &[String]) -> bool {
    matches!(pair, [env, name] if env == "env" && ["var", "var_os", "vars", "vars_os"].contains(&name.as_str()))
}
