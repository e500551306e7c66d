//! `sse-cli`, the tool one reaches for with any event stream. Runs the command that the arguments name; each
//! command has its own module.
//!
//! Data goes to stdout and talk to stderr, so that the data can be piped on.

mod address;
mod args;
mod bench;
mod exit;
mod harmless;
mod output;
mod pretty;
mod publish;
mod refusal;
mod tail;
mod talk;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use tokio::runtime::{Builder, Runtime};

use args::{Args, Command};
use exit::Exit;

/// Runs the program with the arguments of the process. Ends the process itself on `--help` and usage errors.
pub fn run() -> ExitCode {
    let args = Args::parse();
    match interruptible(args) {
        Ok(exit) => exit.into(),
        Err(error) => {
            talk::error(&format!("{error:#}"));
            Exit::Failed.into()
        }
    }
}

/// Runs the command until it ends or Ctrl-C comes, also when it hangs in a write that nobody reads.
fn interruptible(args: Args) -> anyhow::Result<Exit> {
    let runtime = runtime().context("cannot start the runtime")?;
    let exit = runtime.block_on(async {
        let command = tokio::spawn(command(args));
        tokio::select! {
            done = command => done.context("the command broke off")?,
            Ok(()) = tokio::signal::ctrl_c() => {
                talk::interrupted();
                Ok(Exit::Interrupted)
            }
        }
    });
    runtime.shutdown_background();
    exit
}

/// Two workers: one may hang in a write to stdout, the other sees the signal.
fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

async fn command(args: Args) -> anyhow::Result<Exit> {
    match args.command {
        Some(Command::Tail(tail)) => tail::run(tail).await,
        Some(Command::Publish(publish)) => publish::run(publish).await,
        Some(Command::Bench(bench)) => bench::run(bench).await,
        None => tail::run(args.tail).await,
    }
}
