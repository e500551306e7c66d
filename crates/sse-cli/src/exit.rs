//! How the program ends: the exit codes that `--help` lists.

use std::process::ExitCode;

use sse_client::reqwest::StatusCode;

/// The outcome of a command. Wrong usage is not among them: the argument parser exits with 2 itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    /// Doctor found warnings, but no fault.
    Warned,
    /// Refused by a 4xx.
    ClientError,
    /// A 5xx.
    ServerError,
    /// Events were lost, with --fail-on-gap.
    Lost,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
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
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Warned => 3,
            Exit::ClientError => 4,
            Exit::ServerError => 5,
            Exit::Lost => 10,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        })
    }
}
