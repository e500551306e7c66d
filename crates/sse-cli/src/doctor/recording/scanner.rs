//! Facts of the wire format that the decoder tolerates: byte order marks, invalid UTF-8, long lines, ignored lines.

/// Bytes of a line that are stored to classify it.
const MAX_STORED: usize = 64;
/// Characters of a line that are shown.
const SHOWN_CHARS: usize = 40;
const MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Debug, Default, Clone)]
pub(in crate::doctor) struct Wire {
    /// The body starts with a byte order mark.
    pub(in crate::doctor) leading_mark: bool,
    /// Lines after the first that start with one.
    pub(in crate::doctor) inner_marks: u64,
    /// The first byte that is not UTF-8: its offset and value.
    pub(in crate::doctor) invalid: Option<(u64, u8)>,
    /// The longest line in bytes, without its end.
    pub(in crate::doctor) longest_line: u64,
    pub(in crate::doctor) comments: u64,
    pub(in crate::doctor) data_lines: u64,
    /// Blocks with an id and without data.
    pub(in crate::doctor) positions: u64,
    /// Lines that are neither comments nor fields, and the first of them. An unknown field such as `topic: x` counts as
    /// a field.
    pub(in crate::doctor) unknown_lines: u64,
    pub(in crate::doctor) first_unknown: Option<String>,
    /// A reconnection time that is not a number.
    pub(in crate::doctor) wrong_retry: Option<String>,
}

/// Scans the bytes as they arrive. Stores the start of one line.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    pub(super) wire: Wire,
    start: Vec<u8>,
    length: u64,
    after_cr: bool,
    block_has_id: bool,
    block_has_data: bool,
    lines: u64,
    /// Bytes of the body so far.
    offset: u64,
    /// The start of an incomplete character.
    unfinished: Vec<u8>,
}

impl Scanner {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.check_utf8(bytes);
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if self.after_cr && first == b'\n' {
                self.after_cr = false;
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            self.after_cr = false;
            let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
            self.line_piece(line);
            rest = after;
            if let Some((&ending, after)) = rest.split_first() {
                self.after_cr = ending == b'\r';
                self.line_done();
                rest = after;
            }
        }
        self.offset += bytes.len() as u64;
    }

    pub(super) fn is_inside_a_line(&self) -> bool {
        self.length > 0
    }

    fn line_piece(&mut self, piece: &[u8]) {
        let room = MAX_STORED.saturating_sub(self.start.len());
        self.start.extend(piece.iter().take(room));
        self.length += piece.len() as u64;
        self.wire.longest_line = self.wire.longest_line.max(self.length);
    }

    fn line_done(&mut self) {
        let start = std::mem::take(&mut self.start);
        self.length = 0;
        self.lines += 1;
        let marked = start.starts_with(MARK);
        let line = match (marked, self.lines) {
            (true, 1) => {
                self.wire.leading_mark = true;
                start.strip_prefix(MARK).unwrap_or(&start)
            }
            (true, _) => {
                self.wire.inner_marks += 1;
                return;
            }
            (false, _) => &start,
        };
        self.classify(line);
    }

    fn classify(&mut self, line: &[u8]) {
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        match name {
            b"" if colon.is_some() => self.wire.comments += 1,
            b"" => {
                let has_data = std::mem::take(&mut self.block_has_data);
                self.wire.positions += u64::from(std::mem::take(&mut self.block_has_id) && !has_data);
            }
            b"event" => {}
            b"id" => self.block_has_id = true,
            b"data" => {
                self.wire.data_lines += 1;
                self.block_has_data = true;
            }
            b"retry" => {
                let value = value.strip_prefix(b" ").unwrap_or(value);
                if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
                    self.wire.wrong_retry.get_or_insert_with(|| shown(value));
                }
            }
            name if colon.is_some() && is_extension(name) => {}
            _ => {
                self.wire.unknown_lines += 1;
                self.wire.first_unknown.get_or_insert_with(|| shown(line));
            }
        }
    }

    /// Finds the first byte that is not UTF-8, also in a character split between two pieces.
    fn check_utf8(&mut self, bytes: &[u8]) {
        if self.wire.invalid.is_some() {
            return;
        }
        let start = self.offset - self.unfinished.len() as u64;
        let mut joined = std::mem::take(&mut self.unfinished);
        joined.extend_from_slice(bytes);
        if let Err(error) = std::str::from_utf8(&joined) {
            let rest = joined.get(error.valid_up_to()..).unwrap_or_default();
            match (error.error_len(), rest.first()) {
                (Some(_), Some(&byte)) => {
                    self.wire.invalid = Some((start + error.valid_up_to() as u64, byte))
                }
                _ => self.unfinished = rest.to_vec(),
            }
        }
    }
}

/// A plausible name of an extension. `Data` and ` data` are mistakes.
fn is_extension(name: &[u8]) -> bool {
    name.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same facts, however the bytes are split.
    fn scan(bytes: &[u8]) -> Wire {
        let scan_pieces = |size: usize| {
            let mut scanner = Scanner::default();
            bytes.chunks(size).for_each(|piece| scanner.feed(piece));
            scanner.wire
        };
        let whole = scan_pieces(bytes.len().max(1));
        for size in 1..5 {
            assert_eq!(format!("{:?}", scan_pieces(size)), format!("{whole:?}"), "pieces of {size}");
        }
        whole
    }

    #[test]
    fn tells_lines_apart_at_every_kind_of_end() {
        let wire = scan(b"data: a\r\ndata\r:c\n\nretry: 5\nretry: 5s\nDATA: b\n\n");
        assert_eq!((wire.data_lines, wire.comments, wire.unknown_lines), (2, 1, 1));
        assert_eq!(wire.first_unknown.as_deref(), Some("DATA: b"));
        assert_eq!(wire.wrong_retry.as_deref(), Some("5s"));
        assert_eq!(wire.longest_line, 9);
    }

    #[test]
    fn extension_fields_are_not_mistakes() {
        let wire = scan(b"topic: a\nx-y_2:\ntopic\n topic: a\nTopic: a\n{\"a\": 1}\n");
        assert_eq!((wire.unknown_lines, wire.first_unknown.as_deref()), (4, Some("topic")));
    }

    #[test]
    fn an_id_without_data_is_a_position() {
        assert_eq!(scan(b"id: 1\ndata: a\n\nid: 2\nretry: 1\n\n\ndata: b\n\nid: 3\r\n\r\n").positions, 2);
    }

    #[test]
    fn finds_marks_at_the_start_and_within() {
        let wire = scan("\u{feff}data: a\n\n\u{feff}data: b\n\n".as_bytes());
        assert!(wire.leading_mark);
        assert_eq!((wire.inner_marks, wire.data_lines, wire.unknown_lines), (1, 1, 0));
    }

    #[test]
    fn finds_the_first_byte_that_is_not_utf8() {
        assert_eq!(scan("data: grün ✓ 👩\n\n".as_bytes()).invalid, None);
        assert_eq!(scan(b"data: gr\xfcn\n\n\xff").invalid, Some((8, 0xfc)));
        assert_eq!(scan(b"ab\xe2\x9c\xff").invalid, Some((2, 0xe2)));
    }
}
