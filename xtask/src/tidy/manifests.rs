//! The root `Cargo.toml`: each dependency has its reason above it and a member that uses it.

use std::collections::BTreeSet;

use toml::Table;

use super::tree::{Finding, Tree};

const ROOT: &str = "Cargo.toml";
const SECTION: &str = "[workspace.dependencies]";

/// The dependencies of the workspace with their lines: name, number of the line, and whether a comment explains it.
fn dependencies(tree: &Tree) -> Vec<(&str, usize, bool)> {
    let text = tree.files.get(ROOT).map_or("", String::as_str);
    let section = text.lines().enumerate().skip_while(|(_, line)| *line != SECTION).skip(1);
    let mut explained = false;
    let mut found = Vec::new();
    for (at, line) in section.take_while(|(_, line)| !line.starts_with('[')) {
        if line.starts_with('#') {
            explained = true;
        } else if line.is_empty() {
            explained = false;
        } else if let Some((name, value)) = line.split_once('=') {
            // Members need no reason.
            found.push((name.trim(), at + 1, explained || value.contains("path =")));
        }
    }
    found
}

pub(super) fn reasons(tree: &Tree) -> Vec<Finding> {
    let unexplained = dependencies(tree).into_iter().filter(|(_, _, explained)| !explained);
    let remedy = |name: &str| format!("say in a comment above `{name}` why it is needed");
    unexplained.map(|(name, line, _)| Finding::new(ROOT, line, remedy(name))).collect()
}

pub(super) fn unused(tree: &Tree) -> Vec<Finding> {
    let mut used = BTreeSet::new();
    for (path, text) in tree.files.iter().filter(|(path, _)| path.ends_with("/Cargo.toml")) {
        match text.parse::<Table>() {
            Ok(table) => collect(&table, &mut used),
            Err(error) => {
                return vec![Finding::new(path, 1, format!("make it valid TOML: {}", error.message()))];
            }
        }
    }
    let unused = dependencies(tree).into_iter().filter(|(name, ..)| !used.contains(*name));
    unused
        .map(|(name, line, _)| Finding::new(ROOT, line, format!("remove `{name}`: no member uses it")))
        .collect()
}

/// The names in all tables of dependencies, those of targets, builds and tests included.
fn collect(table: &Table, used: &mut BTreeSet<String>) {
    for (key, value) in table {
        match value.as_table() {
            Some(inner) if key.ends_with("dependencies") => used.extend(inner.keys().cloned()),
            Some(inner) => collect(inner, used),
            None => {}
        }
    }
}
