//! The events to publish: the argument, or the lines of stdin, read on a thread. Knows nothing of HTTP.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Longest line without its end. Above what a hub accepts as one event, so that the hub's own limit applies.
const MAX_LINE_BYTES: usize = 4 << 20;
/// Lines that wait during a request. Then reading pauses.
const MAX_WAITING_LINES: usize = 1000;
/// Bytes of lines that wait or are being sent. Then reading pauses.
const MAX_HELD_BYTES: usize = 4 * MAX_LINE_BYTES;

/// The text of one event.
#[derive(Debug)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u64,
    /// Without its end.
    pub(super) text: String,
    /// Its part of `MAX_HELD_BYTES`, released when the line is dropped.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    #[error("stdin cannot be read: {0}")]
    Read(io::Error),
    #[error("line {number} has more than {MAX_LINE_BYTES} bytes")]
    TooLong { number: u64 },
    #[error("line {number} is not UTF-8; events are text")]
    NotUtf8 { number: u64 },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct BatchLimits {
    pub(super) lines: usize,
    /// A longer line is sent alone.
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(super) struct Input {
    lines: mpsc::Receiver<Result<Line, InputError>>,
    limits: BatchLimits,
    /// Received, but did not fit the previous batch.
    held: Option<Result<Line, InputError>>,
}

impl Input {
    pub(super) fn one(text: String, limits: BatchLimits) -> Self {
        let (_, lines) = mpsc::channel(1);
        Self { lines, limits, held: Some(Ok(Line { number: 1, text, permit: None })) }
    }

    /// The lines of stdin. The thread ends with stdin, or at the first line after this is dropped. Must be called within
    /// a runtime.
    pub(super) fn stdin(limits: BatchLimits) -> Self {
        let (sender, lines) = mpsc::channel(MAX_WAITING_LINES);
        let (runtime, held) = (Handle::current(), Arc::new(Semaphore::new(MAX_HELD_BYTES)));
        let acquire = move |bytes| runtime.block_on(Arc::clone(&held).acquire_many_owned(bytes)).ok();
        std::thread::spawn(move || read(io::stdin().lock(), acquire, &sender));
        Self { lines, limits, held: None }
    }

    /// Waits for a line, then takes the lines that are already there, within the limits. `None` at the end.
    ///
    /// An error comes after all lines before it. A line is never delayed to fill a batch.
    pub(super) async fn batch(&mut self) -> Option<Result<Vec<Line>, InputError>> {
        let first = match self.held.take() {
            Some(held) => held,
            None => self.lines.recv().await?,
        };
        let first = match first {
            Ok(line) => line,
            Err(error) => return Some(Err(error)),
        };
        let mut bytes = first.text.len();
        let mut batch = vec![first];
        while batch.len() < self.limits.lines {
            match self.lines.try_recv() {
                Ok(Ok(line)) if bytes + line.text.len() <= self.limits.bytes => {
                    bytes += line.text.len();
                    batch.push(line);
                }
                Ok(next) => {
                    self.held = Some(next);
                    break;
                }
                Err(_) => break,
            }
        }
        Some(Ok(batch))
    }
}

/// Reads to the end, or to the first error. `acquire` waits until a line of this size may be held.
fn read(
    mut source: impl BufRead,
    acquire: impl Fn(u32) -> Option<OwnedSemaphorePermit>,
    lines: &mpsc::Sender<Result<Line, InputError>>,
) {
    for number in 1.. {
        let Some(mut line) = read_line(&mut source, number).transpose() else { return };
        if let Ok(line) = &mut line {
            // A line has at most MAX_LINE_BYTES.
            line.permit = acquire(u32::try_from(line.text.len()).unwrap_or(u32::MAX));
        }
        let last = line.is_err();
        if lines.blocking_send(line).is_err() || last {
            return;
        }
    }
}

/// The next line without its LF or CRLF; the last one may have no end.
fn read_line(source: &mut impl BufRead, number: u64) -> Result<Option<Line>, InputError> {
    let mut bytes = Vec::new();
    // Room for CRLF.
    let most = MAX_LINE_BYTES as u64 + 2;
    let read = source.by_ref().take(most).read_until(b'\n', &mut bytes).map_err(InputError::Read)?;
    if read == 0 {
        return Ok(None);
    }
    if bytes.pop_if(|byte| *byte == b'\n').is_some() {
        bytes.pop_if(|byte| *byte == b'\r');
    }
    if bytes.len() > MAX_LINE_BYTES {
        return Err(InputError::TooLong { number });
    }
    let text = String::from_utf8(bytes).map_err(|_| InputError::NotUtf8 { number })?;
    Ok(Some(Line { number, text, permit: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mut bytes: &[u8]) -> Vec<Result<String, String>> {
        let mut found = Vec::new();
        while let Some(line) = read_line(&mut bytes, found.len() as u64 + 1).transpose() {
            found.push(line.map(|line| line.text).map_err(|error| error.to_string()));
        }
        found
    }

    #[test]
    fn line_ends_are_taken_off() {
        let texts: Vec<String> = lines(b"a\nb\r\n\n\r\nc\rd\n e").into_iter().map(Result::unwrap).collect();
        assert_eq!(texts, ["a", "b", "", "", "c\rd", " e"]);
        assert_eq!(lines(b""), []);
    }

    #[test]
    fn lines_that_cannot_be_events_are_named() {
        assert_eq!(lines(b"a\n\xff\n")[1], Err("line 2 is not UTF-8; events are text".into()));
        let long = "x".repeat(MAX_LINE_BYTES);
        assert_eq!(lines(format!("{long}\r\n").as_bytes()), [Ok(long.clone())]);
        let error = format!("line 1 has more than {MAX_LINE_BYTES} bytes");
        assert_eq!(lines(format!("{long}x").as_bytes())[0], Err(error));
    }

    #[tokio::test]
    async fn waiting_lines_are_batched_within_the_limits() {
        let (sender, lines) = mpsc::channel(10);
        let limits = BatchLimits { lines: 3, bytes: 4 };
        let mut input = Input { lines, limits, held: None };
        for text in ["a", "b", "c", "d", "eeeeee", "f"] {
            sender.send(Ok(Line { number: 1, text: text.into(), permit: None })).await.unwrap();
        }
        sender.send(Err(InputError::NotUtf8 { number: 7 })).await.unwrap();
        drop(sender);
        let mut batches = Vec::new();
        while let Some(batch) = input.batch().await {
            batches.push(batch.map_or("!".into(), |lines| {
                lines.into_iter().map(|line| line.text).collect::<Vec<_>>().join(" ")
            }));
        }
        assert_eq!(batches, ["a b c", "d", "eeeeee", "f", "!"]);
    }

    #[tokio::test]
    async fn reading_pauses_while_too_much_is_held() {
        let (sender, mut lines) = mpsc::channel(MAX_WAITING_LINES);
        let (runtime, semaphore) = (Handle::current(), Arc::new(Semaphore::new(4)));
        let rest = Arc::clone(&semaphore);
        let room = move |bytes| runtime.block_on(Arc::clone(&rest).acquire_many_owned(bytes)).ok();
        let thread = std::thread::spawn(move || read(&b"aa\nbb\ncc\n"[..], room, &sender));
        let (first, second) = (lines.recv().await.unwrap().unwrap(), lines.recv().await.unwrap().unwrap());
        assert_eq!(
            (first.text.as_str(), second.text.as_str(), semaphore.available_permits()),
            ("aa", "bb", 0)
        );
        assert!(lines.try_recv().is_err(), "there is no room for the third");
        drop(first);
        let third = tokio::task::spawn_blocking(move || lines.blocking_recv()).await.unwrap();
        assert_eq!(third.unwrap().unwrap().text, "cc");
        drop(second);
        tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
    }
}
