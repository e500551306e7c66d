//! Reference for the limits: cuts a body into blocks, drops those that pass a limit, and gives the rest to the model.
//! Not part of the standard, which knows no limits.

use sse_core::{DecodeError, Limits};

use crate::model::Outcome;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The block being read.
#[derive(Default)]
struct Block<'a> {
    lines: Vec<&'a [u8]>,
    bytes: usize,
    dropped: bool,
}

/// What a decoder with these limits makes of one body.
pub(crate) fn read_within(limits: Limits, body: &[u8]) -> Outcome {
    let mut outcome = Outcome::default();
    if BYTE_ORDER_MARK.starts_with(body) {
        // What may still become a mark is not a line yet.
        return outcome;
    }
    let mut block = Block::default();
    for (line, ended) in lines(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)) {
        if ended && line.is_empty() {
            block.read_into(&mut outcome);
            block = Block::default();
        } else if let Err(error) = block.add(line, ended, limits) {
            // A reconnection time acts at once, so those before the end of the block count.
            block.lines.retain(|line| line.starts_with(b"retry"));
            block.read_into(&mut outcome);
            block = Block { dropped: true, ..Block::default() };
            outcome.items.push(Err(error));
        }
    }
    // An unfinished block gives nothing but its reconnection time.
    block.lines.retain(|line| line.starts_with(b"retry"));
    block.read_into(&mut outcome);
    outcome
}

impl<'a> Block<'a> {
    fn add(&mut self, line: &'a [u8], ended: bool, limits: Limits) -> Result<(), DecodeError> {
        if self.dropped {
            return Ok(());
        }
        if line.len() > limits.max_line_bytes {
            return Err(DecodeError::LineTooLong { max_bytes: limits.max_line_bytes });
        }
        if !ended || line.starts_with(b":") {
            return Ok(());
        }
        self.bytes += value(line).len() + 1;
        if self.bytes > limits.max_event_bytes {
            return Err(DecodeError::EventTooLarge { max_bytes: limits.max_event_bytes });
        }
        self.lines.push(line);
        Ok(())
    }

    /// Gives the lines to the model as a body of their own. The mark in front keeps a mark in the first line.
    fn read_into(&self, outcome: &mut Outcome) {
        let mut body = BYTE_ORDER_MARK.to_vec();
        for line in &self.lines {
            body.extend_from_slice(line);
            body.push(b'\n');
        }
        body.push(b'\n');
        outcome.read(&body);
    }
}

fn value(line: &[u8]) -> &[u8] {
    let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len() - 1);
    let value = &line[colon + 1..];
    value.strip_prefix(b" ").unwrap_or(value)
}

/// Each line without its end, and whether it has one. The last has none.
fn lines(body: &[u8]) -> Vec<(&[u8], bool)> {
    let mut lines = Vec::new();
    let mut rest = body;
    while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        lines.push((&rest[..end], true));
        let after = &rest[end..];
        rest = after.strip_prefix(b"\r\n").unwrap_or(&after[1..]);
    }
    lines.push((rest, false));
    lines
}
