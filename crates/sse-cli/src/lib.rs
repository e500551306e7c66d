//! `sse-cli`, the tool one reaches for with any event stream. Runs the command that the arguments name; each
//! command has its own module.
//!
//! Data goes to stdout and talk to stderr, so that the data can be piped on.

mod address;
mod args;
mod bench;
mod body;
mod completions;
mod connection;
mod doctor;
mod exit;
mod harmless;
mod peer;
mod publish;
mod refusal;
mod secret;
mod stop;
mod tail;
mod talk;

use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser};
use tokio::runtime::{Builder, Runtime};

use args::{Args, Command};
use exit::Exit;
use stop::Stop;

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

/// The definition of the command line, from which man pages are made.
pub fn definition() -> clap::Command {
    Args::command()
}

/// Runs the command until it ends or is told to stop, also when it hangs in a write that nobody reads.
fn interruptible(args: Args) -> anyhow::Result<Exit> {
    let runtime = runtime().context("cannot start the runtime")?;
    let exit = runtime.block_on(async {
        let (stopper, stop) = stop::channel();
        let mut command = tokio::spawn(command(args, stop));
        tokio::select! {
            done = &mut command => done.context("the command broke off")?,
            exit = stop::signal() => {
                talk::interrupted();
                stopper.stop(command).await?;
                Ok(exit)
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

async fn command(args: Args, stop: Stop) -> anyhow::Result<Exit> {
    match args.command {
        None => tail::run(args.tail, stop).await,
        Some(Command::Tail(tail)) => tail::run(*tail, stop).await,
        Some(Command::Publish(publish)) => deaf(stop, publish::run(publish)).await,
        Some(Command::Bench(bench)) => bench::run(*bench, stop).await,
        Some(Command::Doctor(doctor)) => deaf(stop, doctor::run(doctor)).await,
        Some(Command::Completions(completions)) => completions::run(&completions),
    }
}

/// Runs a command that has nothing to put in order when it is stopped, and so ends at once.
async fn deaf(stop: Stop, command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    drop(stop);
    command.await
}
