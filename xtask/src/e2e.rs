//! The browser tests in `xtask/e2e`: type check of the pages, then Chromium against the release server.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{shell, tools};

/// Flags of `cargo xtask e2e`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Folder for screenshots of all pages.
    #[arg(long, value_name = "DIR")]
    screenshots: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    run_suites(&[], args.screenshots.as_deref().map(|folder| ("SCREENSHOT_DIR", folder)))
}

/// Runs these suites, or all if there are none. `images` is a folder and the variable by which suites know it.
pub(crate) fn run_suites(suites: &[&str], images: Option<(&str, &Path)>) -> Result<()> {
    tools::need(&[
        ("node", "nodejs"),
        ("npm", "npm"),
        ("chromium", "chromium"),
        ("curl", "curl"),
        ("openssl", "openssl"),
        ("nginx", "nginx-light"),
    ])?;
    shell::build_release()?;
    let npm = |words: &[&str]| {
        let mut command = shell::program("npm");
        command.current_dir(shell::root().join("xtask/e2e")).args(words);
        command
    };
    shell::run(&mut npm(&["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
    shell::run(&mut npm(&["run", "--silent", "check"]))?;
    let mut test = npm(&["run", "--silent", "test", "--"]);
    test.args(suites)
        .env("SSE_SERVER_BIN", shell::release_binary("sse-server"))
        .env("SSE_CLI_BIN", shell::release_binary("sse-cli"))
        .env("XTASK_BIN", std::env::current_exe().context("cannot find the path of this program")?);
    if let Some((variable, folder)) = images {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        test.env(variable, folder.canonicalize()?);
    }
    shell::run(&mut test)
}
