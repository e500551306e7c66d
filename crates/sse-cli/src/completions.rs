//! `sse-cli completions`: the script with which a shell completes commands and flags.

use clap::Command;
use clap_complete::{Shell, generate};

use crate::exit::Exit;
use crate::stdout;

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    pub(crate) shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, mut definition: Command) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    generate(args.shell, &mut definition, "sse-cli", &mut script);
    stdout::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
