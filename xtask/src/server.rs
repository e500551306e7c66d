//! The release server under test: starts and kills it, reads its memory, files and CPU time from `/proc`.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::Process;
use crate::shell;

/// `/proc` reports CPU time in hundredths of a second.
const TICKS_PER_SECOND: u64 = 100;

/// A running server; killed when dropped.
pub(crate) struct Server {
    process: Process,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
    /// Variables of its environment, after a restart too.
    env: Vec<Variable>,
}

/// Name and value.
type Variable = (&'static str, String);

/// How a server is started, where that is not as usual.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<Variable>,
    /// Program and arguments that run it in their place, with the process id that they were started with.
    pub(crate) wrapper: Vec<String>,
    /// Where its log goes; stderr without one.
    pub(crate) log: Option<File>,
    /// It listens there in place of an address of its own, as under systemd.
    pub(crate) socket: Option<TcpListener>,
}

/// Any free port.
const ANY_PORT: &str = "127.0.0.1:0";

impl Server {
    /// Starts it on a free port with its log in `data`, and waits until it listens.
    pub(crate) fn start(data: &Path, args: &[&str]) -> Result<Self> {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Self::start_as(data, Setup { args, ..Setup::default() })
    }

    /// The same without flags and with a variable in its environment.
    pub(crate) fn start_with_env(data: &Path, (name, value): (&'static str, &str)) -> Result<Self> {
        Self::start_as(data, Setup { env: vec![(name, value.to_owned())], ..Setup::default() })
    }

    /// The same without flags; what it logs goes to `log`.
    pub(crate) fn start_logging(data: &Path, log: File) -> Result<Self> {
        Self::start_as(data, Setup { log: Some(log), ..Setup::default() })
    }

    pub(crate) fn start_as(data: &Path, setup: Setup) -> Result<Self> {
        Self::start_at(ANY_PORT, data, setup)
    }

    /// The same at the address that a server had before, which has ended.
    pub(crate) fn start_at(listen: &str, data: &Path, setup: Setup) -> Result<Self> {
        let Setup { args, env, wrapper, log, socket } = setup;
        let mut words = wrapper.into_iter().map(OsString::from).chain([shell::server_binary().into()]);
        let mut command = shell::program(words.next().context("no program")?);
        command.args(words).args(["--listen", listen, "--data-dir"]).arg(data).args(args);
        // The log holds only the events of the test.
        command.env("SSE_LOG", "error").env("SSE_ALERTS", "off");
        command.envs(env.iter().map(|(name, value)| (name, value)));
        if let Some(socket) = socket {
            hand_over(&mut command, socket)?;
        }
        let log = log.map_or_else(Stdio::inherit, Stdio::from);
        let mut process = Process::start(command.stdout(Stdio::piped()).stderr(log))?;
        let mut lines = BufReader::new(process.stdout()?).lines();
        let first = lines.next().context("sse-server ended before it listened")??;
        std::thread::spawn(move || lines.for_each(drop));
        let address = first.split_once("://").map(|(_, address)| address).context("unexpected first line")?;
        Ok(Self { process, address: address.to_owned(), env })
    }

    /// `kill -9`; waits until it is gone.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Ends it as an operator does; waits until it is gone. Other tasks run on meanwhile.
    pub(crate) async fn terminate(&mut self) -> Result<()> {
        let pid = self.pid().to_string();
        let mut kill = tokio::process::Command::new("kill");
        let status = kill.args(["-TERM", &pid]).status().await.context("cannot run kill")?;
        ensure!(status.success(), "kill: {status}");
        while self.process.expect_running().is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Starts it again after a kill, at the same address and without flags. Other tasks run on meanwhile.
    pub(crate) async fn restart(&mut self, data: &Path) -> Result<()> {
        let (address, data, env) = (self.address.clone(), data.to_owned(), self.env.clone());
        let setup = Setup { env, ..Setup::default() };
        let start = move || Self::start_at(&address, &data, setup);
        *self = tokio::task::spawn_blocking(start).await??;
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Resident memory of the process, in bytes.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        resident_bytes_of(self.process.pid())
    }

    /// The most that it was so far.
    pub(crate) fn peak_resident_bytes(&self) -> Result<u64> {
        Ok(self.status("VmHWM")? * 1024)
    }

    pub(crate) fn threads(&self) -> Result<u64> {
        self.status("Threads")
    }

    fn status(&self, name: &str) -> Result<u64> {
        status_of(self.process.pid(), name)
    }

    pub(crate) fn open_files(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.process.pid()))?.count())
    }

    /// CPU time of all its threads so far, user and system. Exact to 10 ms.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        cpu_time_of(self.process.pid())
    }
}

/// As its standard input: that needs no place of a descriptor of its own.
#[cfg(unix)]
fn hand_over(command: &mut Command, socket: TcpListener) -> Result<()> {
    command.stdin(std::os::fd::OwnedFd::from(socket));
    command.env("LISTEN_FDS", "1").env("LISTEN_FDS_FIRST_FD", "0");
    Ok(())
}

#[cfg(not(unix))]
fn hand_over(_: &mut Command, _: TcpListener) -> Result<()> {
    anyhow::bail!("this system hands no sockets over")
}

/// Resident memory of a process, in bytes.
pub(crate) fn resident_bytes_of(pid: u32) -> Result<u64> {
    Ok(status_of(pid, "VmRSS")? * 1024)
}

/// A number in `/proc/PID/status`, without its unit.
fn status_of(pid: u32, name: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned());
    let value = status.lines().find_map(value).with_context(|| format!("no {name}: the server has ended"))?;
    Ok(value.trim_end_matches("kB").trim().parse()?)
}

/// CPU time of a process.
pub(crate) fn cpu_time_of(pid: u32) -> Result<Duration> {
    cpu_time(&format!("/proc/{pid}/stat"))
}

/// CPU time of the calling thread.
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
