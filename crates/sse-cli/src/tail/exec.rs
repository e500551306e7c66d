//! `--exec`: a shell command for each event. Runs one at a time, and retries failures.

use std::io;
use std::process::{ExitStatus, Stdio};

use sse_client::Backoff;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::event_view::EventView;
use crate::status::Status;
use crate::stop::Stop;
use crate::values;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct ExecArgs {
    /// Run this shell command for each event instead of printing it. The event is on stdin (the data, or with -o the
    /// line of that format), and SSE_ID, SSE_EVENT and SSE_TOPIC are in the environment
    #[arg(long, value_name = "CMD", conflicts_with = "output")]
    pub(super) exec: Option<String>,

    /// How often --exec retries a failed event (after 1 s, 2 s, 4 s, up to 30 s) before tail ends with 1
    #[arg(long, value_name = "N", default_value = "3", requires = "exec")]
    #[arg(value_parser = |text: &str| values::integer::<u32>(text, 0..=u64::from(u32::MAX)))]
    pub(super) exec_retries: u32,
}

#[derive(Debug)]
pub(super) struct Exec {
    command: String,
    retries: u32,
}

/// The command kept failing for an event.
#[derive(Debug, thiserror::Error)]
#[error("--exec: {cause}, {attempts} for the event{id}", attempts = times(*.attempts))]
pub(super) struct ExecError {
    attempts: u32,
    id: String,
    cause: Failure,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot run the command: {0}")]
    Start(io::Error),
    #[error("the command failed ({0})")]
    Status(ExitStatus),
}

impl Exec {
    pub(super) fn new(command: String, retries: u32) -> Self {
        Self { command, retries }
    }

    /// Runs the command until it succeeds for this event. Gives `false` when stopped after a failure; a running command
    /// is awaited.
    pub(super) async fn run(
        &self,
        event: &EventView<'_>,
        stdin: &str,
        status: &Status,
        stop: &mut Stop,
    ) -> Result<bool, ExecError> {
        let mut backoff = Backoff::default().max_attempts(self.retries);
        while let Err(cause) = self.once(event, stdin).await {
            let Some(delay) = backoff.next_delay() else {
                let id = if event.id.is_empty() { String::new() } else { format!(" {}", event.id) };
                return Err(ExecError { attempts: self.retries.saturating_add(1), id, cause });
            };
            status.retrying(&format!("--exec: {cause}"), delay, None);
            tokio::select! {
                () = stop.wait() => return Ok(false),
                () = tokio::time::sleep(delay) => {}
            }
        }
        Ok(true)
    }

    async fn once(&self, event: &EventView<'_>, stdin: &str) -> Result<(), Failure> {
        // The environment cannot hold NUL.
        let value = |text: &str| text.replace('\0', "\u{fffd}");
        let mut child = shell(&self.command)
            .env("SSE_ID", value(event.id))
            .env("SSE_EVENT", value(event.event_type))
            .env("SSE_TOPIC", value(event.topic.unwrap_or_default()))
            // Not meant for the command.
            .env_remove("SSE_TOKEN")
            .stdin(Stdio::piped())
            .spawn()
            .map_err(Failure::Start)?;
        let pipe = child.stdin.take();
        let feed = async move {
            if let Some(mut pipe) = pipe {
                // A command may ignore its stdin.
                let _ = pipe.write_all(stdin.as_bytes()).await;
            }
        };
        let ((), status) = tokio::join!(feed, child.wait());
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure::Status(status)),
            Err(error) => Err(Failure::Start(error)),
        }
    }
}

#[cfg(unix)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]);
    shell
}

#[cfg(windows)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.arg("/C").raw_arg(command);
    shell
}

fn times(attempts: u32) -> String {
    if attempts == 1 { "once".to_owned() } else { format!("{attempts} times") }
}
