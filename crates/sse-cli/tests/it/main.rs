//! The real binary against a scripted server.

// The lints deny these in code that meets outside data; a test that panics is a test that fails.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod bench;
mod closing;
mod cursor;
mod display;
mod doctor;
mod ending;
mod executing;
mod filtering;
mod firehose;
mod inbox;
mod publishing;
mod requesting;
#[path = "../../../sse-client/tests/it/server.rs"]
#[expect(dead_code, reason = "shared with the tests of sse-client, which use all of it")]
mod server;
mod starting;
mod tailing;
#[cfg(unix)]
mod unix_socket;

use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

/// Far above what any test needs; a test that comes here has failed.
const DEADLINE: Duration = Duration::from_secs(20);

/// The program with these arguments, with pipes and without the caller's wishes about colour.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sse-cli"));
    for name in [
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "SSE_SERVER",
        "SSE_TOKEN",
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs to the end, within the deadline.
async fn finish(child: Child) -> Output {
    tokio::time::timeout(DEADLINE, child.wait_with_output()).await.expect("an end in time").unwrap()
}

async fn run(args: &[&str]) -> Output {
    finish(command(args).spawn().unwrap()).await
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}
