//! `--exec`: a shell command for each event. Runs one at a time, and knows how often to try again.

use std::fmt;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::shape::Shown;
use crate::stop::Stop;
use crate::talk::Talk;

const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// The command of the user.
#[derive(Debug)]
pub(crate) struct Exec {
    command: String,
    retries: u32,
}

/// The command has failed for an event as often as it may.
#[derive(Debug, thiserror::Error)]
#[error("--exec: {cause}, {attempts} for the event{id}", attempts = times(*.attempts))]
pub(crate) struct ExecError {
    attempts: u32,
    id: String,
    cause: Failure,
}

/// Why a command has not done its work.
#[derive(Debug)]
enum Failure {
    Start(io::Error),
    Status(ExitStatus),
}

impl Exec {
    pub(crate) fn new(command: String, retries: u32) -> Self {
        Self { command, retries }
    }

    /// Runs the command until it has succeeded with this event. Gives `false` when told to stop after a failure; a
    /// command that is under way is waited for.
    ///
    /// # Errors
    /// When the retries are used up.
    pub(crate) async fn run(
        &self,
        event: &Shown<'_>,
        stdin: &str,
        talk: &Talk,
        stop: &mut Stop,
    ) -> Result<bool, ExecError> {
        let mut attempts = 0;
        loop {
            let Err(cause) = self.once(event, stdin).await else { return Ok(true) };
            attempts += 1;
            if attempts > self.retries {
                let id = if event.id.is_empty() { String::new() } else { format!(" {}", event.id) };
                return Err(ExecError { attempts, id, cause });
            }
            let delay = FIRST_DELAY.saturating_mul(1_u32.checked_shl(attempts - 1).unwrap_or(u32::MAX));
            let delay = delay.min(LONGEST_DELAY);
            talk.retrying(&format!("--exec: {cause}"), delay);
            tokio::select! {
                () = stop.wait() => return Ok(false),
                () = tokio::time::sleep(delay) => {}
            }
        }
    }

    async fn once(&self, event: &Shown<'_>, stdin: &str) -> Result<(), Failure> {
        // The environment cannot hold NUL.
        let value = |text: &str| text.replace('\0', "\u{fffd}");
        let mut child = shell(&self.command)
            .env("SSE_ID", value(event.id))
            .env("SSE_EVENT", value(event.event_type))
            .env("SSE_TOPIC", value(event.topic.unwrap_or_default()))
            // The token is ours alone.
            .env_remove("SSE_TOKEN")
            .stdin(Stdio::piped())
            .spawn()
            .map_err(Failure::Start)?;
        let pipe = child.stdin.take();
        let feed = async move {
            if let Some(mut pipe) = pipe {
                // A command need not read its stdin.
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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "the command cannot be run: {error}"),
            Self::Status(status) => write!(f, "the command failed ({status})"),
        }
    }
}
