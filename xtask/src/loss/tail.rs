//! The CLI as a subject: `sse-cli tail` with a cursor and an output file. Starts it, kills it, reads what it wrote.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::ledger::{EVENT_TYPE, PREFIX, Payload};
use crate::shell;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Longest wait for output that the cursor does not know of.
const MOMENT: Duration = Duration::from_millis(300);

/// A running CLI; killed when dropped.
pub(super) struct Tail {
    child: Child,
    address: String,
    cursor: PathBuf,
    output: PathBuf,
    /// Kills that found bytes in the output which the cursor did not know of.
    pub(super) unsettled: u32,
    pub(super) most_unsettled_bytes: u64,
}

/// One line of the output.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) event: String,
    pub(super) data: String,
}

/// The part of the cursor file that is needed here.
#[derive(Deserialize)]
struct Place {
    output_bytes: u64,
}

impl Tail {
    /// Starts it with its files in `folder`.
    pub(super) fn start(address: &str, folder: &Path) -> Result<Self> {
        let (cursor, output) = (folder.join("cursor"), folder.join("events.jsonl"));
        let child = spawn(address, &cursor, &output)?;
        let address = address.to_owned();
        Ok(Self { child, address, cursor, output, unsettled: 0, most_unsettled_bytes: 0 })
    }

    /// Ends it as a crash does, and looks at what it left.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("cannot kill sse-cli")?;
        self.child.wait()?;
        let Some(place) = place(&self.cursor)? else { return Ok(()) };
        let written = std::fs::metadata(&self.output)?.len();
        let unsettled =
            written.checked_sub(place.output_bytes).context("the cursor is ahead of the output")?;
        self.unsettled += u32::from(unsettled > 0);
        self.most_unsettled_bytes = self.most_unsettled_bytes.max(unsettled);
        Ok(())
    }

    /// Waits until the output is ahead of the cursor, which is when a kill hurts most; or for a moment, if it is not.
    pub(super) async fn until_unsettled(&self) -> Result<()> {
        let (cursor, output) = (self.cursor.clone(), self.output.clone());
        let look = move || {
            let from = Instant::now();
            while from.elapsed() < MOMENT {
                let place = place(&cursor)?;
                let written = std::fs::metadata(&output).map_or(0, |output| output.len());
                if place.is_some_and(|place| written > place.output_bytes) {
                    break;
                }
            }
            Ok(())
        };
        // Without a pause, because it is over within milliseconds; on a thread of its own for that.
        tokio::task::spawn_blocking(look).await?
    }

    /// Starts it again with the same arguments, as a service manager would.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.child = spawn(&self.address, &self.cursor, &self.output)?;
        Ok(())
    }

    /// Nothing that was done to hub and network is a reason for it to end.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn expect_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("sse-cli ended by itself: {status}"),
        }
    }

    /// All lines, once the last event has come.
    ///
    /// # Errors
    /// When it does not come in time.
    pub(super) async fn lines_up_to_end(&mut self, wait: Duration) -> Result<Vec<Line>> {
        let from = Instant::now();
        loop {
            self.expect_running()?;
            let lines = self.lines()?;
            if lines.last().is_some_and(|line| line.data == Payload::END.data()) {
                return Ok(lines);
            }
            if from.elapsed() > wait {
                bail!("the last event did not come in {wait:?}; there are {} lines", lines.len());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The whole lines there are.
    fn lines(&self) -> Result<Vec<Line>> {
        let text = std::fs::read_to_string(&self.output)?;
        let whole = text.rfind('\n').map_or("", |end| text.split_at(end).0);
        let parse = |line| serde_json::from_str(line).with_context(|| format!("a broken line: {line:?}"));
        whole.lines().map(parse).collect()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the cursor file says; `None` if there is none yet.
fn place(cursor: &Path) -> Result<Option<Place>> {
    let Ok(text) = std::fs::read(cursor) else { return Ok(None) };
    serde_json::from_slice(&text).map(Some).context("the cursor file is broken")
}

fn spawn(address: &str, cursor: &Path, output: &Path) -> Result<Child> {
    let mut command: Command = shell::program(shell::cli_binary());
    command.args(["tail", &format!("http://{address}/events"), "--topic", &format!("{PREFIX}*")]);
    command.args(["--event", EVENT_TYPE, "--since", "earliest", "--json", "--fail-on-gap", "--quiet"]);
    command.arg("--cursor").arg(cursor).arg("--output").arg(output);
    command.spawn().context("cannot start sse-cli")
}
