//! A new Debian in a folder, booted by systemd in a container of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process::Process;
use crate::shell;

/// Beside the base system: what boots it, and what the package depends on.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,procps";
const DEADLINE: Duration = Duration::from_secs(60);

pub(super) struct Debian {
    _container: Process,
    /// Process id of its systemd.
    leader: String,
}

impl Debian {
    /// Needs the network, and a minute or two.
    pub(super) fn bootstrap(folder: &Path) -> Result<()> {
        let release = fs::read_to_string("/etc/os-release").context("this is no Debian")?;
        let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
        let mut debootstrap = Command::new("debootstrap");
        debootstrap.args([
            "--variant=minbase",
            "--include",
            PACKAGES,
            suite.context("no name of the release")?,
        ]);
        let log = File::create(folder.join("debootstrap.log"))?;
        shell::run(debootstrap.arg(Self::path(folder, "")).stdout(log))
    }

    pub(super) fn boot(folder: &Path) -> Result<Self> {
        let mut nspawn = Command::new("systemd-nspawn");
        nspawn.args(["--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe", "--directory"]);
        let log = File::create(folder.join("boot.log"))?;
        nspawn.arg(Self::path(folder, "")).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let container = Process::start(&mut nspawn)?;
        let children = format!("/proc/{0}/task/{0}/children", container.pid());
        let leader = wait("the container does not start", || {
            fs::read_to_string(&children).ok()?.split_whitespace().next().map(str::to_owned)
        })?;
        let debian = Self { _container: container, leader };
        wait("systemd is not up", || {
            let state = debian.command(&["systemctl", "is-system-running"]).output().ok()?;
            matches!(state.stdout.trim_ascii(), b"running" | b"degraded").then_some(())
        })
        .with_context(|| fs::read_to_string(folder.join("boot.log")).unwrap_or_default())?;
        Ok(debian)
    }

    /// A file in it, seen from outside.
    pub(super) fn path(folder: &Path, name: &str) -> PathBuf {
        folder.join("root").join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        let kinds = ["--mount", "--uts", "--ipc", "--pid", "--root", "--wd"];
        command
            .args(["--target", &self.leader])
            .args(kinds)
            .args(["env", "DEBIAN_FRONTEND=noninteractive"])
            .args(words);
        command
    }

    /// Runs a program in it to its end.
    ///
    /// # Errors
    /// What it said, if it fails.
    pub(super) fn call(&self, words: &[&str]) -> Result<String> {
        let output = self.command(words).stdin(Stdio::null()).output().context("cannot run nsenter")?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        ensure!(output.status.success(), "{}: {}\n{said}", words.join(" "), output.status);
        Ok(said)
    }
}

/// Looks until there is something.
fn wait<T>(failure: &'static str, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        ensure!(start.elapsed() < DEADLINE, failure);
        std::thread::sleep(Duration::from_millis(50));
    }
}
