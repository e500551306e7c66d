//! Where the text of events goes: stdout, a file, or a command. Knows nothing of streams.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, IsTerminal, Seek, SeekFrom, Stdout, Write};
use std::path::{Path, PathBuf};

use anstream::{AutoStream, ColorChoice};
use anyhow::Context;

use super::exec::Exec;

/// Text is held back up to this length while more events are at hand.
const BUFFER_BYTES: usize = 64 << 10;

/// The end of the line.
#[derive(Debug)]
pub(crate) enum Sink {
    Stdout(Lines<AutoStream<Stdout>>),
    File(OutputFile),
    Command(Exec),
}

/// What of a file that is there already belongs to the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Belongs {
    /// There is no cursor.
    Unknown,
    /// All of it: the cursor has no place yet.
    All,
    /// So many bytes. What goes past them was written after the place was stored last, and will come again.
    Only(u64),
}

/// Text on its way to a stream of bytes.
pub(crate) struct Lines<W> {
    out: W,
    buffer: Vec<u8>,
}

/// A file that is appended to, and whose length a cursor may know.
#[derive(Debug)]
pub(crate) struct OutputFile {
    path: PathBuf,
    lines: Lines<File>,
    /// Length of the file, buffer included.
    bytes: u64,
}

impl Sink {
    /// `colored`: the text has ANSI colours, which only terminals get.
    pub(crate) fn stdout(colored: bool) -> Self {
        let choice = if colored { AutoStream::choice(&io::stdout()) } else { ColorChoice::AlwaysAnsi };
        Self::Stdout(Lines { out: AutoStream::new(io::stdout(), choice), buffer: Vec::new() })
    }

    /// Is there a terminal at the end?
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Stdout(_)) && io::stdout().is_terminal()
    }

    /// Columns of that terminal. Asked for each event, because people resize their terminals.
    pub(crate) fn columns(&self) -> Option<usize> {
        match self {
            Self::Stdout(_) => {
                terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
            }
            Self::File(_) | Self::Command(_) => None,
        }
    }

    /// Hands on what is held back. Gives `false` when nobody reads stdout any more.
    ///
    /// # Errors
    /// When it cannot be written for another reason, for example a full disk.
    pub(crate) fn flush(&mut self) -> anyhow::Result<bool> {
        match self {
            Self::Stdout(lines) => match lines.flush() {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
                other => other.map(|()| true).context("cannot write to stdout"),
            },
            Self::File(file) => file.flush().map(|()| true),
            Self::Command(_) => Ok(true),
        }
    }

    /// Makes durable what was flushed, as far as that is possible.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn sync(&mut self) -> anyhow::Result<()> {
        match self {
            Self::File(file) => file.lines.out.sync_data().with_context(|| file.trouble()),
            Self::Stdout(_) | Self::Command(_) => Ok(()),
        }
    }

    /// Length of the file, if it is one, with what is held back.
    pub(crate) fn bytes(&self) -> Option<u64> {
        match self {
            Self::File(file) => Some(file.bytes),
            Self::Stdout(_) | Self::Command(_) => None,
        }
    }

    /// Is it time to flush?
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::Stdout(lines) => lines.is_full(),
            Self::File(file) => file.lines.is_full(),
            Self::Command(_) => false,
        }
    }
}

impl<W: Write> Lines<W> {
    /// Takes a text.
    pub(crate) fn put(&mut self, text: &str) {
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
    /// Opens the file for appending, and cuts off what does not belong to the cursor.
    ///
    /// # Errors
    /// When the file cannot be opened, another run writes to it, or it is shorter than the cursor knows.
    pub(crate) fn open(path: &Path, belongs: Belongs) -> anyhow::Result<Self> {
        let what = || format!("cannot write to {}", path.display());
        let mut file =
            OpenOptions::new().create(true).write(true).truncate(false).open(path).with_context(what)?;
        let mut bytes = 0;
        // Devices and pipes have neither length nor lock.
        if file.metadata().with_context(what)?.is_file() {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => {
                    anyhow::bail!("{}: another run writes to this file", path.display())
                }
                // Some file systems have no locks.
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            bytes = file.seek(SeekFrom::End(0)).with_context(what)?;
            if let Belongs::Only(belongs) = belongs {
                bytes = cut(&mut file, path, bytes, belongs)?;
            }
        } else if belongs != Belongs::Unknown {
            anyhow::bail!("{}: --cursor with --output needs a regular file", path.display());
        }
        let lines = Lines { out: file, buffer: Vec::new() };
        Ok(Self { path: path.to_owned(), lines, bytes })
    }

    /// Takes a text.
    pub(crate) fn put(&mut self, text: &str) {
        self.bytes += text.len() as u64;
        self.lines.put(text);
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.lines.flush().with_context(|| self.trouble())
    }

    fn trouble(&self) -> String {
        format!("cannot write to {}", self.path.display())
    }
}

/// Cuts the file to the length that belongs to the cursor, and gives that.
fn cut(file: &mut File, path: &Path, bytes: u64, belongs: u64) -> anyhow::Result<u64> {
    anyhow::ensure!(
        bytes >= belongs,
        "{} has {bytes} bytes, but the cursor knows of {belongs}: give the file back, or remove the cursor file \
         to start anew",
        path.display()
    );
    let what = || format!("cannot cut {} to {belongs} bytes", path.display());
    file.set_len(belongs).with_context(what)?;
    file.sync_all().with_context(what)?;
    file.seek(SeekFrom::End(0)).with_context(what)
}
