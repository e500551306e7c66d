//! `sse-cli completions`: the script with which a shell completes commands and flags.

use std::io::{self, Write};

use anyhow::Context;
use clap_complete::{Shell, generate};

use crate::exit::Exit;

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    pub(crate) shell: Shell,
}

/// Runs the command.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    generate(args.shell, &mut crate::definition(), "sse-cli", &mut script);
    match io::stdout().write_all(&script) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written.context("cannot write to stdout")?,
    }
    Ok(Exit::Done)
}
