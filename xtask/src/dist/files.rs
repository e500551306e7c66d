//! Files and folders of packages, and the binaries that are in them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{shell, tools};

pub(super) const BINARIES: [&str; 2] = ["sse-server", "sse-cli"];

/// A folder with nothing in it.
pub(super) fn empty(folder: PathBuf) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// Copies a file, and makes the folders above it.
pub(super) fn install(flags: &[&str], from: &Path, to: &Path) -> Result<()> {
    tools::need(&[("install", "coreutils"), ("strip", "binutils")])?;
    shell::run(shell::program("install").arg("-D").args(flags).arg(from).arg(to))
}
