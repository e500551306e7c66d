//! The destination of events: stdout, a file, or a command. Knows nothing of streams.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, IsTerminal, Seek, SeekFrom, Stdout, Write};
use std::path::{Path, PathBuf};

use anstream::{AutoStream, ColorChoice};
use anyhow::Context;

use super::exec::Exec;

/// Text is buffered up to this length while more events are ready.
const BUFFER_BYTES: usize = 64 << 10;

pub(super) struct Sink {
    destination: Destination,
    /// Text that is not written yet.
    buffer: Vec<u8>,
}

enum Destination {
    Stdout(AutoStream<Stdout>),
    File(OutputFile),
    Command(Exec),
}

/// A file that is appended to, and whose length a cursor may store.
struct OutputFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// How much of an existing file belongs to the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owned {
    /// There is no cursor.
    Unknown,
    /// All: the cursor has no position yet.
    All,
    /// This many bytes. The rest was written after the last stored position, and will arrive again.
    Only(u64),
}

impl Sink {
    /// `colored`: the text has ANSI colours, which are removed unless stdout is a terminal.
    pub(super) fn stdout(colored: bool) -> Self {
        let choice = if colored { AutoStream::choice(&io::stdout()) } else { ColorChoice::AlwaysAnsi };
        Self::new(Destination::Stdout(AutoStream::new(io::stdout(), choice)))
    }

    /// Opens the file for appending, and truncates it to what belongs to the cursor.
    pub(super) fn file(path: &Path, owned: Owned) -> anyhow::Result<Self> {
        OutputFile::open(path, owned).map(|file| Self::new(Destination::File(file)))
    }

    pub(super) fn command(exec: Exec) -> Self {
        Self::new(Destination::Command(exec))
    }

    fn new(destination: Destination) -> Self {
        Self { destination, buffer: Vec::new() }
    }

    /// The command that takes the events one by one, instead of [`put`](Self::put).
    pub(super) fn exec(&self) -> Option<&Exec> {
        match &self.destination {
            Destination::Command(exec) => Some(exec),
            Destination::Stdout(_) | Destination::File(_) => None,
        }
    }

    pub(super) fn is_stdout(&self) -> bool {
        matches!(self.destination, Destination::Stdout(_))
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.is_stdout() && io::stdout().is_terminal()
    }

    /// Columns of the terminal. Read for each event, since terminals are resized.
    pub(super) fn columns(&self) -> Option<usize> {
        let size = self.is_stdout().then(|| terminal_size::terminal_size_of(io::stdout()))?;
        size.map(|(width, _)| usize::from(width.0))
    }

    pub(super) fn put(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() >= BUFFER_BYTES
    }

    /// Writes the buffer. Gives `false` when stdout is closed.
    pub(super) fn flush(&mut self) -> anyhow::Result<bool> {
        if self.buffer.is_empty() {
            return Ok(true);
        }
        match &mut self.destination {
            Destination::Stdout(out) => match out.write_all(&self.buffer).and_then(|()| out.flush()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(false),
                written => written.context("cannot write to stdout")?,
            },
            Destination::File(OutputFile { file, bytes, path }) => {
                file.write_all(&self.buffer).with_context(|| cannot_write(path))?;
                *bytes += self.buffer.len() as u64;
            }
            Destination::Command(_) => {}
        }
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES * 2);
        Ok(true)
    }

    /// Syncs what was flushed to disk, if it is a file.
    pub(super) fn sync(&mut self) -> anyhow::Result<()> {
        match &self.destination {
            Destination::File(OutputFile { file, path, .. }) => {
                file.sync_data().with_context(|| cannot_write(path))
            }
            Destination::Stdout(_) | Destination::Command(_) => Ok(()),
        }
    }

    /// Length of the file with the buffer, if it is a file.
    pub(super) fn bytes(&self) -> Option<u64> {
        match &self.destination {
            Destination::File(file) => Some(file.bytes + self.buffer.len() as u64),
            Destination::Stdout(_) | Destination::Command(_) => None,
        }
    }
}

impl OutputFile {
    fn open(path: &Path, owned: Owned) -> anyhow::Result<Self> {
        let what = || cannot_write(path);
        let mut file =
            OpenOptions::new().create(true).write(true).truncate(false).open(path).with_context(what)?;
        let mut bytes = 0;
        // Devices and pipes have neither a length nor a lock.
        if file.metadata().with_context(what)?.is_file() {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => {
                    anyhow::bail!("{}: another run writes to this file", path.display())
                }
                // Some file systems have no locks.
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            bytes = file.seek(SeekFrom::End(0)).with_context(what)?;
            if let Owned::Only(owned) = owned {
                bytes = truncate(&mut file, path, bytes, owned)?;
            }
        } else if owned != Owned::Unknown {
            anyhow::bail!("{}: --cursor with --output needs a regular file", path.display());
        }
        Ok(Self { path: path.to_owned(), file, bytes })
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write to {}", path.display())
}

/// Truncates the file to the length that belongs to the cursor, and gives that.
fn truncate(file: &mut File, path: &Path, bytes: u64, owned: u64) -> anyhow::Result<u64> {
    anyhow::ensure!(
        bytes >= owned,
        "{} has {bytes} bytes, but the cursor expects {owned}: restore the file, or remove the cursor file to \
         start over",
        path.display()
    );
    let what = || format!("cannot truncate {} to {owned} bytes", path.display());
    file.set_len(owned).with_context(what)?;
    file.sync_all().with_context(what)?;
    file.seek(SeekFrom::End(0)).with_context(what)
}
