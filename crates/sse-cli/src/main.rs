//! The binary `sse-cli`. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    sse_cli::run()
}
