//! The packages of a release, in `target/dist`: a tarball, a Debian package made of the same parts, and the browser client for
//! npm.

mod debian;
mod files;
mod licences;
mod npm;
mod parts;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell;
use files::empty;

/// Flags of `cargo xtask dist`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Version of the packages. The programs in them have that of the workspace.
    #[arg(long, default_value = env!("CARGO_PKG_VERSION"))]
    version: String,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    shell::build_server_and_cli()?;
    let folder = empty(shell::target().join("dist"))?;
    let parts = parts::make(&folder, &args.version)?;
    let packages =
        [tarball(&parts)?, debian::pack(&parts, &args.version)?, npm::pack(&folder, &args.version)?];
    packages.iter().for_each(|package| println!("{}", package.display()));
    Ok(())
}

/// A Debian package of the binaries under test, in this folder.
pub(crate) fn debian_package(folder: &Path, version: &str) -> Result<PathBuf> {
    debian::pack(&parts::make(&empty(folder.to_owned())?, version)?, version)
}

/// The same bytes for the same contents.
fn tarball(parts: &Path) -> Result<PathBuf> {
    let file = PathBuf::from(format!("{}.tar.gz", parts.display()));
    let (folder, name) = parts.parent().zip(parts.file_name()).context("no folder")?;
    let mut tar = shell::program("tar");
    tar.args([
        "--create",
        "--gzip",
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--mtime=@0",
    ]);
    shell::run(tar.arg("--file").arg(&file).arg("--directory").arg(folder).arg(name))?;
    Ok(file)
}
