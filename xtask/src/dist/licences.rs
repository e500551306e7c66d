//! The licences of what is in the binaries, as their authors word them: each text once, under the crates that have it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::files::BINARIES;
use crate::shell;

/// How the files of licences and notices begin.
const NAMES: [&str; 5] = ["licen", "copying", "notice", "copyright", "unlicense"];
/// What is in the binaries and is no crate.
const CHARTS: &str = "web/pages/vendor/uplot@1.6.32/LICENSE";
const HEADING: &str = "The crates in sse-server and sse-cli, and what else is in them, by licence.\n\n\
    SQLite (in libsqlite3-sys) is in the public domain.\n";

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    license_file: Option<PathBuf>,
    manifest_path: PathBuf,
    /// None of our own crates has one.
    source: Option<String>,
}

pub(super) fn text() -> Result<String> {
    let target = format!("--target={}-unknown-linux-gnu", std::env::consts::ARCH);
    let metadata: Metadata = serde_json::from_str(&cargo(&["metadata", "--format-version=1", "--locked"])?)?;
    // Features and targets decide what is linked, and only this command knows both.
    let tree = ["tree", "--locked", "--edges=normal", "--prefix=none", "--format={p}", &target];
    let packages = BINARIES.map(|name| format!("--package={name}"));
    let tree = cargo(&[&tree[..], &packages.each_ref().map(String::as_str)].concat())?;
    let linked: BTreeSet<&str> = tree.lines().map(name_and_version).collect();
    let mut by_text = BTreeMap::<String, Vec<String>>::new();
    for package in metadata.packages.iter().filter(|package| package.source.is_some()) {
        if !linked.contains(format!("{} v{}", package.name, package.version).as_str()) {
            continue;
        }
        let texts = package.texts()?;
        let licence = package.license.as_deref().unwrap_or("see the text");
        let name = format!("{} {} ({licence})", package.name, package.version);
        let texts =
            if texts.is_empty() { vec!["The crate names its licence without a text.".into()] } else { texts };
        for text in texts {
            by_text.entry(text).or_default().push(name.clone());
        }
    }
    let charts = fs::read_to_string(shell::root().join(CHARTS)).context(CHARTS)?;
    by_text.entry(charts).or_default().push("uPlot 1.6.32 (MIT)".into());
    let parts = by_text
        .iter()
        .map(|(text, names)| format!("\n{0}\n{1}\n{0}\n{text}\n", "=".repeat(72), names.join("\n")));
    Ok(HEADING.to_owned() + &parts.collect::<String>())
}

/// `name v1.0.0 (proc-macro) (*)` without what is in brackets.
fn name_and_version(line: &str) -> &str {
    line.split_once(" (").map_or(line, |(name, _)| name)
}

fn cargo(args: &[&str]) -> Result<String> {
    let output = shell::cargo(args).output().context("cannot run cargo")?;
    ensure!(output.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

impl Package {
    fn texts(&self) -> Result<Vec<String>> {
        let folder = self.manifest_path.parent().unwrap_or(Path::new("."));
        let mut files = BTreeSet::new();
        for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            if path.is_file() && NAMES.iter().any(|start| name.starts_with(start)) {
                files.insert(path);
            }
        }
        files.extend(self.license_file.iter().map(|file| folder.join(file)));
        let text = |file: &PathBuf| {
            let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            Ok(String::from_utf8_lossy(&text).replace("\r\n", "\n").trim().to_owned())
        };
        files.iter().map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_is_listed_and_what_only_tests_use_is_not() {
        let text = text().unwrap();
        for name in ["actix-web ", "rusqlite ", "jaq-core ", "uPlot "] {
            assert!(text.contains(&format!("\n{name}")), "{name} is missing");
        }
        for name in ["proptest ", "sse-server ", "cc ", "ring "] {
            assert!(!text.contains(&format!("\n{name}")), "{name} is in no binary");
        }
    }
}
