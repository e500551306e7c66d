//! The CLI under test: `sse-cli tail` with a cursor and an output file. Starts it, kills it, reads what it wrote.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use sse_core::RecordId;

use crate::process::Process;
use crate::shell;
use crate::workload::{EVENT_TYPE, Payload, TOPIC_PREFIX};

/// Pause between two reads of the file.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Longest wait for output past the cursor.
const OUTPUT_WAIT: Duration = Duration::from_millis(300);

/// A running CLI; killed when dropped.
pub(super) struct Tail {
    process: Process,
    address: String,
    cursor: PathBuf,
    output: PathBuf,
    /// Kills that found output past the cursor.
    pub(super) kills_past_cursor: u32,
    pub(super) max_bytes_past_cursor: u64,
}

/// One line of the output.
#[derive(Deserialize)]
struct Line {
    id: String,
    event: String,
    data: String,
}

/// The field of the cursor file that is read here.
#[derive(Deserialize)]
struct CursorFile {
    output_bytes: u64,
}

impl Tail {
    /// Starts it with its files in `folder`.
    pub(super) fn start(address: &str, folder: &Path) -> Result<Self> {
        let (cursor, output) = (folder.join("cursor"), folder.join("events.jsonl"));
        let process = start(address, &cursor, &output)?;
        let address = address.to_owned();
        Ok(Self { process, address, cursor, output, kills_past_cursor: 0, max_bytes_past_cursor: 0 })
    }

    /// `kill -9`; compares the files that it left.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        let Some(cursor) = CursorFile::read(&self.cursor)? else { return Ok(()) };
        let written = std::fs::metadata(&self.output)?.len();
        let past = written.checked_sub(cursor.output_bytes).context("the cursor is ahead of the output")?;
        self.kills_past_cursor += u32::from(past > 0);
        self.max_bytes_past_cursor = self.max_bytes_past_cursor.max(past);
        Ok(())
    }

    /// Waits until the output is ahead of the cursor, which is when a kill hurts most; for a moment only.
    pub(super) async fn until_past_cursor(&self) -> Result<()> {
        let (cursor, output) = (self.cursor.clone(), self.output.clone());
        let poll = move || {
            let start = Instant::now();
            while start.elapsed() < OUTPUT_WAIT {
                let cursor = CursorFile::read(&cursor)?;
                let written = std::fs::metadata(&output).map_or(0, |output| output.len());
                if cursor.is_some_and(|cursor| written > cursor.output_bytes) {
                    break;
                }
            }
            Ok(())
        };
        // Without a pause, because it is over within milliseconds; on a thread of its own for that.
        tokio::task::spawn_blocking(poll).await?
    }

    /// Starts it again with the same arguments, as a service manager would.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.process = start(&self.address, &self.cursor, &self.output)?;
        Ok(())
    }

    /// No failure of hub or network is a reason for it to end.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn expect_running(&mut self) -> Result<()> {
        self.process.expect_running()
    }

    /// All events of the file, once the last one has come.
    ///
    /// # Errors
    /// When it does not come in time, or a line is not an event of the test.
    pub(super) async fn events_up_to_last(&mut self, wait: Duration) -> Result<Vec<(RecordId, Payload)>> {
        let start = Instant::now();
        loop {
            self.expect_running()?;
            let lines = self.lines()?;
            if lines.last().is_some_and(|line| line.data == Payload::LAST.data()) {
                return lines.iter().map(Line::event).collect();
            }
            ensure!(
                start.elapsed() < wait,
                "the last event did not come in {wait:?}; there are {} lines",
                lines.len()
            );
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// The complete lines there are.
    fn lines(&self) -> Result<Vec<Line>> {
        let text = std::fs::read_to_string(&self.output)?;
        let complete = text.rfind('\n').map_or("", |end| text.split_at(end).0);
        let parse = |line| serde_json::from_str(line).with_context(|| format!("a broken line: {line:?}"));
        complete.lines().map(parse).collect()
    }
}

impl Line {
    fn event(&self) -> Result<(RecordId, Payload)> {
        let Self { id, event, data } = self;
        ensure!(event == EVENT_TYPE, "the line with id {id} has type {event}");
        Ok((id.parse()?, data.parse().with_context(|| format!("the line with id {id}"))?))
    }
}

impl CursorFile {
    /// `None` if there is none yet.
    fn read(path: &Path) -> Result<Option<Self>> {
        let Ok(text) = std::fs::read(path) else { return Ok(None) };
        serde_json::from_slice(&text).map(Some).context("the cursor file is broken")
    }
}

fn start(address: &str, cursor: &Path, output: &Path) -> Result<Process> {
    let mut command = shell::program(shell::cli_binary());
    command.args(["tail", &format!("http://{address}/events"), "--topic", &format!("{TOPIC_PREFIX}*")]);
    command.args(["--event", EVENT_TYPE, "--since", "earliest", "--json", "--fail-on-gap", "--quiet"]);
    Process::start(command.arg("--cursor").arg(cursor).arg("--output").arg(output))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_another_type_or_text_is_refused() {
        let line = |event: &str, data| Line { id: "00000000000a-1".into(), event: event.into(), data };
        assert!(line(EVENT_TYPE, Payload::LAST.data()).event().is_ok());
        assert!(line("gap", Payload::LAST.data()).event().is_err());
        assert!(line(EVENT_TYPE, Payload::LAST.data() + "x").event().is_err());
    }
}
