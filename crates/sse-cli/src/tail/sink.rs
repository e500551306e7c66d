//! The destination of events: stdout, a file, or a command. Knows nothing of streams.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, IsTerminal, Seek, SeekFrom, Stdout, Write};
use std::path::{Path, PathBuf};

use anstream::{AutoStream, ColorChoice};
use anyhow::Context;

use super::exec::Exec;

/// Text is buffered up to this length while more events are ready.
const BUFFER_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(super) enum Sink {
    Stdout(Lines<AutoStream<Stdout>>),
    File(OutputFile),
    Command(Exec),
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

/// Buffered text.
pub(super) struct Lines<W> {
    out: W,
    buffer: Vec<u8>,
}

/// A file that is appended to, and whose length a cursor may store.
#[derive(Debug)]
pub(super) struct OutputFile {
    path: PathBuf,
    lines: Lines<File>,
    /// Length of the file with the buffer.
    bytes: u64,
}

impl Sink {
    /// `colored`: the text has ANSI colours, which are removed unless stdout is a terminal.
    pub(super) fn stdout(colored: bool) -> Self {
        let choice = if colored { AutoStream::choice(&io::stdout()) } else { ColorChoice::AlwaysAnsi };
        Self::Stdout(Lines { out: AutoStream::new(io::stdout(), choice), buffer: Vec::new() })
    }

    /// Is it a terminal?
    pub(super) fn is_terminal(&self) -> bool {
        matches!(self, Self::Stdout(_)) && io::stdout().is_terminal()
    }

    /// Columns of the terminal. Read for each event, since terminals are resized.
    pub(super) fn columns(&self) -> Option<usize> {
        match self {
            Self::Stdout(_) => {
                terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
            }
            Self::File(_) | Self::Command(_) => None,
        }
    }

    /// Writes the buffer. Gives `false` when stdout is closed.
    pub(super) fn flush(&mut self) -> anyhow::Result<bool> {
        match self {
            Self::Stdout(lines) => match lines.flush() {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
                other => other.map(|()| true).context("cannot write to stdout"),
            },
            Self::File(file) => file.flush().map(|()| true),
            Self::Command(_) => Ok(true),
        }
    }

    /// Syncs what was flushed to disk, if it is a file.
    pub(super) fn sync(&mut self) -> anyhow::Result<()> {
        match self {
            Self::File(file) => file.lines.out.sync_data().with_context(|| file.context()),
            Self::Stdout(_) | Self::Command(_) => Ok(()),
        }
    }

    /// Length of the file with the buffer, if it is a file.
    pub(super) fn bytes(&self) -> Option<u64> {
        match self {
            Self::File(file) => Some(file.bytes),
            Self::Stdout(_) | Self::Command(_) => None,
        }
    }

    /// Is the buffer full?
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Stdout(lines) => lines.is_full(),
            Self::File(file) => file.lines.is_full(),
            Self::Command(_) => false,
        }
    }
}

impl<W: Write> Lines<W> {
    /// Buffers text.
    pub(super) fn put(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    fn is_full(&self) -> bool {
        self.buffer.len() >= BUFFER_BYTES
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES * 2);
        self.out.flush()
    }
}

impl<W: Write> std::fmt::Debug for Lines<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("held", &self.buffer.len()).finish_non_exhaustive()
    }
}

impl OutputFile {
    /// Opens the file for appending, and truncates it to what belongs to the cursor.
    pub(super) fn open(path: &Path, owned: Owned) -> anyhow::Result<Self> {
        let what = || format!("cannot write to {}", path.display());
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
        let lines = Lines { out: file, buffer: Vec::new() };
        Ok(Self { path: path.to_owned(), lines, bytes })
    }

    /// Buffers text.
    pub(super) fn put(&mut self, text: &str) {
        self.bytes += text.len() as u64;
        self.lines.put(text);
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.lines.flush().with_context(|| self.context())
    }

    fn context(&self) -> String {
        format!("cannot write to {}", self.path.display())
    }
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
