//! Server and load on cores of their own, so that neither takes the other's time.

use std::process::{Command, Stdio};

use anyhow::Result;

use super::machine::CORES;
use crate::{shell, tools};

/// Starts a program on the first core and keeps this one to the others. Both run anywhere if there is only one, or no
/// `taskset`.
pub(super) fn apart<T>(start: impl FnOnce() -> Result<T>) -> Result<T> {
    if *CORES == 1 || tools::path("taskset").is_none() {
        return start();
    }
    // A program starts where this thread runs.
    run_on("0")?;
    let started = start();
    run_on(&format!("1-{}", *CORES - 1))?;
    started
}

/// Moves the main thread, and so the threads that it starts.
fn run_on(cores: &str) -> Result<()> {
    let own = std::process::id().to_string();
    shell::run(Command::new("taskset").args(["--cpu-list", "--pid", cores, &own]).stdout(Stdio::null()))
}
