//! The release server as the subject of a bench: starts it, reads its memory and open files from the system.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use anyhow::{Context, Result};

use crate::shell;

/// A running server; killed when dropped.
pub(super) struct Server {
    child: Child,
    /// `127.0.0.1:PORT`
    pub(super) address: String,
}

impl Server {
    pub(super) fn start(args: &[&str]) -> Result<Self> {
        let mut command = shell::program(shell::release_binary("sse-server"));
        command.args(["--listen", "127.0.0.1:0"]).args(args).env("RUST_LOG", "warn");
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start sse-server")?;
        let stdout = child.stdout.take().context("sse-server has no stdout")?;
        let mut lines = BufReader::new(stdout).lines();
        let first = lines.next().context("sse-server ended before it listened")??;
        std::thread::spawn(move || lines.for_each(drop));
        let address = first.strip_prefix("listening on http://").context("unexpected first line")?;
        Ok(Self { child, address: address.to_owned() })
    }

    /// Resident memory of the process, in bytes.
    pub(super) fn resident_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kibibytes * 1024)
    }

    pub(super) fn open_files(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
