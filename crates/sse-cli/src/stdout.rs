//! Output that a command prints in one piece at its end.

use std::io::{self, Write};

use anyhow::Context;

/// Prints the text; colours are removed unless stdout is a terminal. A closed pipe is success.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}
