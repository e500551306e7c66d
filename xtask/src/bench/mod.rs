//! Measurements of the release server on this machine. Figures, not tests: only correctness fails a bench.

mod idle_streams;
mod server;

use anyhow::Result;

/// One bench.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Bench {
    /// Memory and open files of streams on which nothing happens.
    IdleStreams(idle_streams::Args),
}

impl Bench {
    /// Tiny input, so that the gate can see that the bench still works.
    pub(crate) fn small() -> Self {
        Self::IdleStreams(idle_streams::Args { streams: 50, hold: 1 })
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(bench: Bench) -> Result<()> {
    crate::shell::build_release()?;
    match bench {
        Bench::IdleStreams(args) => idle_streams::run(args).await,
    }
}
