//! Lengths of files and functions, and the first line of each Rust file.

use super::tree::{Finding, Tree};

const MAX_FILE: usize = 400;
const MAX_TEST_FILE: usize = 450;
const MAX_FUNCTION: usize = 60;
const MEASURED: [&str; 5] = [".rs", ".js", ".mjs", ".css", ".html"];
/// Third-party files.
const VENDORED: &str = "web/pages/vendor/";

pub(super) fn lengths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in &tree.files {
        let is_test = path.contains("/tests/") || path.contains("/tests.") || path.contains(".test.");
        let max = if is_test { MAX_TEST_FILE } else { MAX_FILE };
        let lines = text.lines().count();
        if lines > max && MEASURED.iter().any(|end| path.ends_with(end)) && !path.starts_with(VENDORED) {
            findings.push(Finding::new(
                path,
                max + 1,
                format!("split by noun: {lines} lines, at most {max}"),
            ));
        }
    }
    for source in &tree.sources {
        for function in source.functions.iter().filter(|function| function.lines > MAX_FUNCTION) {
            let remedy =
                format!("split `{}`: {} lines, at most {MAX_FUNCTION}", function.name, function.lines);
            findings.push(Finding::new(&source.path, function.line, remedy));
        }
    }
    findings
}

pub(super) fn headers(tree: &Tree) -> Vec<Finding> {
    let rust = tree.files.iter().filter(|(path, _)| path.ends_with(".rs"));
    let missing = rust.filter(|(_, text)| !text.starts_with("//! "));
    missing.map(|(path, _)| Finding::new(path, 1, "begin with `//!`: what the file is and is not")).collect()
}
