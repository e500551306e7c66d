//! Commands run in the workspace's folder, its build output, and the release binaries under test.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// A command that runs in the workspace's folder.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// Cargo with these arguments.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    command
}

/// Waits until it has ended. An exit code other than 0 is an error that names the command.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

/// Builds the release binaries under test. Always all of them, because cargo rebuilds a dependency for each set of
/// packages that want other features of it.
pub(crate) fn build_release() -> Result<()> {
    let packages = ["--package", "sse-server", "--package", "sse-cli", "--package", "xtask"];
    run(cargo(&["build", "--release"]).args(packages))
}

/// Runs this command in the release build of this program, for load that must not be slower than what it is for.
pub(crate) fn run_optimised() -> Result<()> {
    build_release()?;
    run(program(release_binary("xtask")).args(std::env::args_os().skip(1)))
}

/// A release binary of the workspace.
pub(crate) fn release_binary(name: &str) -> PathBuf {
    target().join("release").join(name)
}

/// Environment variables that name other binaries than the release ones, for work on the tests themselves.
const SERVER: &str = "SSE_SERVER_BIN";
const CLI: &str = "SSE_CLI_BIN";

/// Does the environment name another server?
pub(crate) fn names_server() -> bool {
    std::env::var_os(SERVER).is_some()
}

/// The server under test.
pub(crate) fn server_binary() -> PathBuf {
    std::env::var_os(SERVER).map_or_else(|| release_binary("sse-server"), PathBuf::from)
}

/// The CLI under test.
pub(crate) fn cli_binary() -> PathBuf {
    std::env::var_os(CLI).map_or_else(|| release_binary("sse-cli"), PathBuf::from)
}

/// Builds the server, unless the environment names another one.
pub(crate) fn build_server() -> Result<()> {
    match std::env::var_os(SERVER) {
        Some(_) => Ok(()),
        None => build_release(),
    }
}

/// Builds server and CLI, unless the environment names others.
pub(crate) fn build_server_and_cli() -> Result<()> {
    match std::env::var_os(CLI) {
        Some(_) => build_server(),
        None => build_release(),
    }
}

/// A new folder on the disk of the build output, removed when dropped. Not in the system's temporary folder, which may
/// be in memory and so faster than any disk.
pub(crate) fn scratch_folder(purpose: &str) -> Result<TempDir> {
    let folder = target();
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let made = tempfile::Builder::new().prefix(&format!("{purpose}-")).tempdir_in(&folder);
    made.with_context(|| format!("cannot create a folder in {}", folder.display()))
}

/// The folder of the build output.
pub(crate) fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    root().join(target)
}
