//! `cargo xtask tidy`: the rules of the source tree that no compiler checks. Reads the files of git, compiles nothing.
//!
//! A rule is a function from a [`Tree`] to findings, so each one is tested on a tree of a few lines.

mod graph;
mod imports;
mod links;
mod log_lines;
mod manifests;
mod modules;
mod scanner;
mod sizes;
mod tree;
mod words;

#[cfg(test)]
mod tests;

use anyhow::{Result, ensure};

use tree::{Finding, Tree};

type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: [(&str, Rule); 11] = [
    ("imports point down the layers", imports::layers),
    ("no import cycles", imports::cycles),
    ("crates and environment are used in their place", imports::confined),
    ("only apps/ names applications", words::applications),
    ("files and functions stay short", sizes::lengths),
    ("each Rust file says what it is", sizes::headers),
    ("words of the glossary", words::banned),
    ("each dependency has a reason", manifests::reasons),
    ("each workspace dependency is used", manifests::unused),
    ("links lead somewhere", links::broken),
    ("warnings and errors are explained", log_lines::documented),
];

pub(crate) fn run() -> Result<()> {
    let tree = Tree::of_workspace()?;
    let mut count = 0;
    for (name, rule) in RULES {
        let findings = rule(&tree);
        if !findings.is_empty() {
            eprintln!("{name}:");
        }
        findings.iter().for_each(|finding| eprintln!("  {finding}"));
        count += findings.len();
    }
    ensure!(count == 0, "{count} findings");
    println!("{} files follow {} rules", tree.files.len(), RULES.len());
    Ok(())
}
