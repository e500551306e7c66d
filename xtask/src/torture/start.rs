//! Starts the server on a folder that may be damaged: it listens, or it refuses and says why. Both within a deadline.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::fault::Fault;
use crate::shell;

/// Longest time until it listens or has ended.
const DEADLINE: Duration = Duration::from_secs(20);
/// Words of a sentence that says what to do.
const REMEDIES: [&str; 9] =
    ["restore", "move", "remove", "delete", "rename", "replace", "put", "another", "repair"];

/// A running server; killed when dropped.
pub(super) struct RunningServer {
    child: Child,
    /// `127.0.0.1:PORT`
    pub(super) address: String,
    /// What it writes on stderr.
    log: PathBuf,
    _stdout: Lines<BufReader<ChildStdout>>,
}

/// What became of a start.
pub(super) enum Started {
    Listening(Box<RunningServer>),
    /// It ended as it should when it cannot use the folder. With what it said.
    Refused(String),
}

/// Starts it with its log in `data`; `settings` is its settings file, and stderr goes to `log`.
///
/// # Errors
/// A [`Fault`] when it neither listens nor refuses as it should.
pub(super) async fn start(data: &Path, settings: &Path, log: &Path) -> Result<Started> {
    let mut command = shell::program(shell::server_binary());
    command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data).arg("--config").arg(settings);
    command.env("SSE_LOG", "error").env("SSE_APPS", "none").env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(log)?);
    let mut child = Command::from(command).kill_on_drop(true).spawn().context("cannot start the server")?;
    let mut lines = BufReader::new(child.stdout.take().context("no stdout")?).lines();
    let Ok(line) = timeout(DEADLINE, lines.next_line()).await else {
        return Err(Fault::new("stuck at the start", format!("nothing for {DEADLINE:?}")).into());
    };
    if let Some(line) = line? {
        let address = line.strip_prefix("listening on http://").context("unexpected first line")?.to_owned();
        let server = RunningServer { child, address, log: log.to_owned(), _stdout: lines };
        return Ok(Started::Listening(Box::new(server)));
    }
    let Ok(status) = timeout(DEADLINE, child.wait()).await else {
        return Err(Fault::new("stuck at the start", "stdout is closed, and it goes on".into()).into());
    };
    let said = fs::read_to_string(log)?;
    check_refusal(status?, &said)?;
    Ok(Started::Refused(said))
}

/// The exit status is that of a failure, and the last line names the file and says what to do.
pub(super) fn check_refusal(status: ExitStatus, said: &str) -> Result<(), Fault> {
    let fault = |class| Err(Fault::new(class, format!("{status}: {}", said.trim())));
    if said.contains("panicked") || said.contains("backtrace") {
        return fault("panic at the start");
    }
    if status.code().is_none() || status.success() {
        return fault("ends without a refusal");
    }
    let Some(line) = said.lines().rfind(|line| line.starts_with("sse-server: ")) else {
        return fault("refuses without a word");
    };
    if !line.contains("log.sqlite") {
        return fault("refusal does not name the file");
    }
    let mut words = line.split(|letter: char| !letter.is_alphabetic());
    if !words.any(|word| REMEDIES.contains(&word.to_lowercase().as_str())) {
        return fault("refusal does not say what to do");
    }
    Ok(())
}

impl RunningServer {
    /// `kill -9`; waits until it is gone.
    ///
    /// # Errors
    /// A [`Fault`] when it had ended by itself or a thread of it has panicked.
    pub(super) async fn kill(mut self) -> Result<()> {
        self.check()?;
        Ok(self.child.kill().await?)
    }

    /// It still runs, and nothing in it has panicked.
    pub(super) fn check(&mut self) -> Result<()> {
        let said = fs::read_to_string(&self.log)?;
        if said.contains("panicked") {
            return Err(Fault::new("panic", said).into());
        }
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(Fault::new("server ended", format!("{status}: {said}")).into()),
        }
    }

    /// Ends it as an operator does; waits until it is gone.
    pub(super) async fn terminate(mut self) -> Result<()> {
        self.signal("-TERM").await?;
        let status = timeout(DEADLINE, self.child.wait()).await.context("it does not end")??;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }

    /// Lets `action` run while it stands still, as if the machine had stopped.
    pub(super) async fn paused<T>(&self, action: impl FnOnce() -> Result<T>) -> Result<T> {
        self.signal("-STOP").await?;
        let done = action();
        self.signal("-CONT").await?;
        done
    }

    async fn signal(&self, signal: &str) -> Result<()> {
        let pid = self.child.id().context("it has ended")?.to_string();
        let status = Command::new("kill").args([signal, &pid]).status().await.context("cannot run kill")?;
        ensure!(status.success(), "kill {signal}: {status}");
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn a_refusal_names_the_file_and_a_remedy() {
        let failed = ExitStatus::from_raw(1 << 8);
        let class = |status, said| check_refusal(status, said).map_err(|fault| fault.class);
        assert_eq!(class(failed, "sse-server: log.sqlite is damaged; restore a copy\n"), Ok(()));
        assert_eq!(
            class(failed, "sse-server: log.sqlite is damaged"),
            Err("refusal does not say what to do")
        );
        assert_eq!(class(failed, "sse-server: it is damaged"), Err("refusal does not name the file"));
        assert_eq!(class(failed, "damaged"), Err("refuses without a word"));
        assert_eq!(class(failed, "thread 'main' panicked at x"), Err("panic at the start"));
        assert_eq!(class(ExitStatus::from_raw(11), ""), Err("ends without a refusal"));
        assert_eq!(class(ExitStatus::from_raw(0), ""), Err("ends without a refusal"));
    }
}
