//! Cuts the byte stream into lines: byte order mark, the three line ends, the length limit. Knows no fields.

use super::limits::DecodeError;

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// Splitter with the unfinished line of the pieces so far.
#[derive(Debug)]
pub(super) struct Lines {
    max_bytes: usize,
    /// Bytes of the byte order mark seen at the start of the stream; `None` once the start is past.
    mark: Option<usize>,
    /// The last line ended in CR, so an LF that comes next belongs to it.
    after_cr: bool,
    /// The current line has passed the limit: drop its bytes up to its end.
    skipping: bool,
    /// The start of a line that earlier pieces left unfinished.
    unfinished: Vec<u8>,
    /// `unfinished` was given out as a whole line and is to be emptied.
    given_out: bool,
}

impl Lines {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            mark: Some(0),
            after_cr: false,
            skipping: false,
            unfinished: Vec::new(),
            given_out: false,
        }
    }

    /// Back to the start of a stream.
    pub(super) fn restart(&mut self) {
        *self = Self::new(self.max_bytes);
    }

    /// The next whole line, without its end; takes its bytes from the front of `piece`. `None` when the rest of
    /// the piece, now taken in, does not complete one. An error stands for a line that is dropped, and comes as
    /// soon as the limit is passed.
    pub(super) fn next<'a, 'p: 'a>(
        &'a mut self,
        piece: &mut &'p [u8],
    ) -> Option<Result<&'a [u8], DecodeError>> {
        if self.given_out {
            self.unfinished.clear();
            self.given_out = false;
        }
        self.drop_mark(piece);
        loop {
            if self.after_cr && !piece.is_empty() {
                self.after_cr = false;
                *piece = piece.strip_prefix(b"\n").unwrap_or(piece);
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', piece) else {
                return self.keep(std::mem::take(piece)).err().map(Err);
            };
            let (line, rest) = piece.split_at(end);
            self.after_cr = rest.first() == Some(&b'\r');
            *piece = rest.split_at(1).1;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if self.unfinished.len() + line.len() > self.max_bytes {
                self.unfinished = Vec::new();
                return Some(Err(self.too_long()));
            }
            if self.unfinished.is_empty() {
                return Some(Ok(line));
            }
            self.unfinished.extend_from_slice(line);
            self.given_out = true;
            return Some(Ok(&self.unfinished));
        }
    }

    /// Takes in the start of a line whose end is still to come.
    fn keep(&mut self, start: &[u8]) -> Result<(), DecodeError> {
        if self.skipping {
            return Ok(());
        }
        if self.unfinished.len() + start.len() > self.max_bytes {
            self.unfinished = Vec::new();
            self.skipping = true;
            return Err(self.too_long());
        }
        self.unfinished.extend_from_slice(start);
        Ok(())
    }

    /// Drops the mark at the start of the stream, which may come in pieces. What only looked like one is data.
    fn drop_mark(&mut self, piece: &mut &[u8]) {
        while let Some(seen) = self.mark
            && let Some((first, rest)) = piece.split_first()
        {
            if BYTE_ORDER_MARK.get(seen) == Some(first) {
                *piece = rest;
                self.mark = (seen < 2).then_some(seen + 1);
            } else {
                self.unfinished.extend(BYTE_ORDER_MARK.iter().take(seen));
                self.mark = None;
            }
        }
    }

    fn too_long(&self) -> DecodeError {
        DecodeError::LineTooLong { max_bytes: self.max_bytes }
    }
}
