//! Allowed imports: layers inside the server, no cycles between files, and the places that may use a crate or the
//! environment.

use std::collections::BTreeSet;

use super::graph;
use super::modules::Modules;
use super::scanner::{PathUse, Source};
use super::tree::{Finding, Tree};

const SERVER: &str = "crates/sse-server";

/// Modules of the server, from the bottom up. Each may import from those below it, not from its neighbours.
const SERVER_LAYERS: [&[&str]; 15] = [
    &["settings_fault", "settings_values", "small_file"],
    &["settings_tree"],
    &["client_limits", "duration_flag", "hangup_signal", "json_event", "shutdown_signal", "timestamp"],
    &["transport"],
    &["auth"],
    &["fuzzing", "http"],
    &["apps", "metrics", "ops"],
    &["config", "settings_file"],
    &["chosen", "file_flags"],
    &["data_folder", "example", "in_force", "listening", "maintenance"],
    &["selection", "shutdown", "systemd", "telemetry"],
    &["parts"],
    &["reload"],
    &["app"],
    &["main"],
];

/// Crates that only some places may use: the name, which also stands for all that begin with it and `_`, and the places.
/// Everybody may use sse_core.
const CONFINED: [(&str, &[&str]); 8] = [
    ("sse_hub", &["crates/sse-hub/", "crates/sse-server/"]),
    ("sse_server", &["crates/sse-server/"]),
    ("sse_client", &["crates/sse-client/", "crates/sse-cli/", "xtask/"]),
    ("sse_cli", &["crates/sse-cli/", "xtask/"]),
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
        let confined = CONFINED.iter().find(|(name, places)| is_of(first, name) && !is_in(places));
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

/// `actix_web` is of `actix`.
fn is_of(named: &str, name: &str) -> bool {
    named.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

fn reads_environment(pair: &[String]) -> bool {
    matches!(pair, [env, name] if env == "env" && ["var", "var_os", "vars", "vars_os"].contains(&name.as_str()))
}
