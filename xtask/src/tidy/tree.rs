//! The files of the workspace as text, its Rust sources scanned once, and what a rule reports.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, ensure};

use super::scanner::Source;
use crate::shell;

/// All files by their path from the workspace's folder. Binary files have an empty text.
pub(super) struct Tree {
    pub(super) files: BTreeMap<String, String>,
    /// Each Rust file below a `src` folder, unless it is a test module.
    pub(super) sources: Vec<Source>,
}

/// One violation: where it is and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) remedy: String,
}

impl Finding {
    pub(super) fn new(file: &str, line: usize, remedy: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, remedy: remedy.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.remedy)
    }
}

impl Tree {
    /// What git tracks or would add.
    pub(super) fn of_workspace() -> Result<Self> {
        let mut git = shell::program("git");
        let listed = git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).output();
        let listed = listed.context("cannot run git")?;
        ensure!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
        let mut files = BTreeMap::new();
        for path in String::from_utf8(listed.stdout)?.split_terminator('\0') {
            // A file that was deleted and not yet committed is still listed.
            if let Ok(bytes) = std::fs::read(shell::root().join(path)) {
                files.insert(path.to_owned(), String::from_utf8(bytes).unwrap_or_default());
            }
        }
        Self::new(files)
    }

    pub(super) fn new(files: BTreeMap<String, String>) -> Result<Self> {
        let mut sources = Vec::new();
        for (path, text) in files.iter().filter(|(path, _)| is_source(path)) {
            let package = path.split_once("/src/").map_or("", |(package, _)| package);
            let root = if files.contains_key(&format!("{package}/src/lib.rs")) { "lib" } else { "main" };
            sources.push(Source::scan(path, root, text)?);
        }
        let test_modules: Vec<_> = sources.iter().flat_map(|source| source.test_modules.clone()).collect();
        sources.retain(|source| {
            !test_modules
                .iter()
                .any(|(package, module)| *package == source.package && source.module.starts_with(module))
        });
        Ok(Self { files, sources })
    }
}

fn is_source(path: &str) -> bool {
    path.ends_with(".rs") && path.contains("/src/") && !path.starts_with("fuzz/")
}
