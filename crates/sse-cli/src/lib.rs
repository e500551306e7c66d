//! `sse-cli`, the command-line tool for event streams. Runs the command that the arguments name; each command has its
//! own module.
//!
//! Data goes to stdout and status messages to stderr, so that the data can be piped.

mod address;
mod args;
mod bench;
mod body;
mod completions;
mod connection;
mod doctor;
mod escape_terminal;
mod exit;
mod peer;
mod problem_details;
mod publish;
mod reason;
mod retry;
mod secret;
mod status;
mod stdout;
mod stop;
mod tail;
mod units;
mod values;

use std::process::ExitCode;

use anyhow::Context;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use tokio::runtime::Builder;

use args::{Args, Command};
use exit::Exit;
use stop::Stop;

/// Runs the program with the arguments of the process. Ends the process itself on `--help` and usage errors.
pub fn run() -> ExitCode {
    let args = Args::parse();
    if let Some(conflict) = args.conflict() {
        Args::command().error(ErrorKind::ArgumentConflict, conflict).exit();
    }
    match interruptible(args) {
        Ok(exit) => exit.into(),
        Err(error) => {
            status::error(&format!("{error:#}"));
            Exit::Failed.into()
        }
    }
}

/// The definition of the command line, from which man pages are made.
pub fn definition() -> clap::Command {
    Args::command()
}

/// Runs the command until it ends or a signal comes, even while it is blocked in a write.
fn interruptible(args: Args) -> anyhow::Result<Exit> {
    // Two workers: one may block in a write to stdout, the other sees the signal.
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let exit = runtime.block_on(async {
        let (stopper, stop) = stop::channel();
        let mut command = tokio::spawn(command(args, stop));
        tokio::select! {
            done = &mut command => done.context("the command panicked")?,
            exit = stop::signal() => {
                status::interrupted();
                stopper.stop(command).await?;
                Ok(exit)
            }
        }
    });
    runtime.shutdown_background();
    exit
}

/// A command that drops `stop` has nothing to clean up, so a signal ends it at once.
async fn command(args: Args, stop: Stop) -> anyhow::Result<Exit> {
    match args.command {
        None => tail::run(args.tail, stop).await,
        Some(Command::Tail(tail)) => tail::run(*tail, stop).await,
        Some(Command::Publish(publish)) => {
            drop(stop);
            publish::run(publish).await
        }
        Some(Command::Bench(bench)) => bench::run(*bench, stop).await,
        Some(Command::Doctor(doctor)) => {
            drop(stop);
            doctor::run(doctor).await
        }
        Some(Command::Completions(completions)) => completions::run(&completions, definition()),
    }
}
