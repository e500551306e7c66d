//! The release server as a subject: starts it, kills it, reads its memory, files and processor time from the system.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::shell;

/// The kernel counts processor time in hundredths of a second for everybody who reads `/proc`.
const TICKS_PER_SECOND: u64 = 100;

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
}

impl Server {
    /// Starts it on a free port with its log in `data`, and waits until it listens.
    pub(crate) fn start(data: &Path, args: &[&str]) -> Result<Self> {
        Self::start_at("127.0.0.1:0", data, args)
    }

    pub(crate) fn start_at(listen: &str, data: &Path, args: &[&str]) -> Result<Self> {
        let mut command = shell::program(shell::server_binary());
        command.args(["--listen", listen, "--data-dir"]).arg(data).args(args);
        // Only what is measured goes to the log.
        command.env("RUST_LOG", "error").env("SSE_ALERTS", "off");
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start sse-server")?;
        let stdout = child.stdout.take().context("sse-server has no stdout")?;
        let mut server = Self { child, address: String::new() };
        let mut lines = BufReader::new(stdout).lines();
        let first = lines.next().context("sse-server ended before it listened")??;
        std::thread::spawn(move || lines.for_each(drop));
        let address = first.strip_prefix("listening on http://").context("unexpected first line")?;
        address.clone_into(&mut server.address);
        Ok(server)
    }

    /// Ends it as a crash does, and waits until it is gone.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("cannot kill sse-server")?;
        self.child.wait()?;
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory of the process, in bytes.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kibibytes * 1024)
    }

    pub(crate) fn open_files(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// Processor time that all its threads have used so far, in the program and in the kernel. Exact to 10 ms.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        cpu_time(&format!("/proc/{}/stat", self.child.id()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time of the thread that calls this.
pub(crate) fn cpu_time_of_this_thread() -> Result<Duration> {
    cpu_time("/proc/thread-self/stat")
}

/// `utime` and `stime` of a `stat` file. The name of the program before them may have spaces and brackets.
fn cpu_time(stat: &str) -> Result<Duration> {
    let text = std::fs::read_to_string(stat)?;
    let (_, fields) = text.rsplit_once(") ").context("unexpected stat")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}
