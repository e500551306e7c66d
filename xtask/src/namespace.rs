//! Runs a command of this program again in namespaces of its own: what it mounts, listens on and starts is gone when it ends.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::{shell, tools};

/// Set inside.
const INSIDE: &str = "XTASK_NAMESPACE";

pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// `kinds` are flags of `unshare`, beside those for mounts and processes.
pub(crate) fn run(kinds: &[&str], args: &[&str], inside: impl FnOnce() -> Result<()>) -> Result<()> {
    if is_inside() {
        return inside();
    }
    ensure!(tools::is_root(), "needs namespaces of its own: run it as root, with sudo --preserve-env=PATH");
    tools::need(&[("unshare", "util-linux")])?;
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]).args(kinds).arg("--");
    shell::run(unshare.arg(std::env::current_exe()?).args(args).env(INSIDE, "1"))
}

/// Runs a program to its end.
pub(crate) fn call(program: &str, args: &[&str]) -> Result<()> {
    shell::run(shell::program(program).args(args))
}
