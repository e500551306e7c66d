//! How the program ends: the exit codes that `--help` lists.

use std::process::ExitCode;

use sse_client::reqwest::StatusCode;

/// The outcome of a command. Wrong usage is not among them: the argument parser exits with 2 itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    /// Doctor found warnings, but no fault.
    Warned = 3,
    ClientError = 4,
    ServerError = 5,
    /// Events were lost, with --fail-on-gap.
    Lost = 10,
    Interrupted = 130,
    Terminated = 143,
}

impl Exit {
    /// For a status that ended the stream.
    pub(crate) fn from_status(status: StatusCode) -> Self {
        match status {
            status if status.is_client_error() => Self::ClientError,
            status if status.is_server_error() => Self::ServerError,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
