//! The framing of an HTTP/1.1 body: chunks, a length, or the end of the connection. Splits what was read into pieces of
//! the body; no I/O.

/// The framing of one body, and how far it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Framing {
    UntilClose,
    /// This many bytes are left.
    Length(u64),
    Chunked(ChunkState),
}

/// What the next byte of a chunked body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChunkState {
    /// In the size at the start of a chunk, after this value and number of digits.
    Size { value: u64, digits: u8 },
    /// After the size, before the line end.
    Extension { value: u64 },
    /// In the data; this many bytes are left.
    Data(u64),
    /// In the line end after the data.
    DataEnd,
    /// After the last chunk. Trailers are not read.
    End,
}

impl ChunkState {
    const START: Self = Self::Size { value: 0, digits: 0 };
}

/// The size of a chunk is invalid, or a chunk is longer than its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid chunks in the body")]
pub(super) struct InvalidChunks;

impl Framing {
    /// At the start of a chunked body.
    pub(super) const CHUNKED: Self = Self::Chunked(ChunkState::START);

    /// The next bytes of the body, taken from the front of `read`. `None` once `read` holds no more.
    pub(super) fn next<'a>(&mut self, read: &mut &'a [u8]) -> Result<Option<&'a [u8]>, InvalidChunks> {
        match self {
            Self::UntilClose => Ok(take(read, u64::MAX)),
            Self::Length(left) => {
                let piece = take(read, *left);
                *left -= piece.map_or(0, |piece| piece.len() as u64);
                Ok(piece)
            }
            Self::Chunked(state) => next_of_chunk(state, read),
        }
    }

    /// The body is complete; the connection may stay open.
    pub(super) fn ended(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(ChunkState::End))
    }
}

fn next_of_chunk<'a>(state: &mut ChunkState, read: &mut &'a [u8]) -> Result<Option<&'a [u8]>, InvalidChunks> {
    loop {
        if let ChunkState::Data(left) = state {
            let piece = take(read, *left);
            *left -= piece.map_or(0, |piece| piece.len() as u64);
            if *left == 0 {
                *state = ChunkState::DataEnd;
            }
            return Ok(piece);
        }
        let Some((byte, rest)) = read.split_first() else { return Ok(None) };
        *state = step(*state, *byte)?;
        *read = if *state == ChunkState::End { &[] } else { rest };
    }
}

fn step(state: ChunkState, byte: u8) -> Result<ChunkState, InvalidChunks> {
    Ok(match (state, byte) {
        (ChunkState::Size { digits: 1.., value: 0 } | ChunkState::Extension { value: 0 }, b'\n') => {
            ChunkState::End
        }
        (ChunkState::Size { digits: 1.., value } | ChunkState::Extension { value }, b'\n') => {
            ChunkState::Data(value)
        }
        (ChunkState::Size { value, digits: digits @ 0..15 }, _) if byte.is_ascii_hexdigit() => {
            let digit = char::from(byte).to_digit(16).unwrap_or_default();
            ChunkState::Size { value: value << 4 | u64::from(digit), digits: digits + 1 }
        }
        (ChunkState::Size { value, digits: 1.. }, b'\r' | b';' | b' ' | b'\t') => {
            ChunkState::Extension { value }
        }
        (ChunkState::Extension { value }, _) => ChunkState::Extension { value },
        (ChunkState::DataEnd, b'\r') => ChunkState::DataEnd,
        (ChunkState::DataEnd, b'\n') => ChunkState::START,
        (ChunkState::End, _) => ChunkState::End,
        _ => return Err(InvalidChunks),
    })
}

/// At most `most` bytes from the front; `None` if there are none.
fn take<'a>(read: &mut &'a [u8], most: u64) -> Option<&'a [u8]> {
    let length = read.len().min(usize::try_from(most).unwrap_or(usize::MAX));
    let (piece, rest) = read.split_at(length);
    *read = rest;
    (!piece.is_empty()).then_some(piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(framing: &mut Framing, pieces: &[&[u8]]) -> Result<Vec<u8>, InvalidChunks> {
        let mut body = Vec::new();
        for piece in pieces {
            let mut piece = *piece;
            while let Some(part) = framing.next(&mut piece)? {
                body.extend_from_slice(part);
            }
        }
        Ok(body)
    }

    #[test]
    fn chunks_are_joined_however_they_come() {
        let wire: &[u8] = b"4\r\nabcd\r\n0A;x=\"y\"\r\n0123456789\r\n1 \r\ne\r\n0\r\nTrailer: x\r\n\r\n";
        for at in 0..wire.len() {
            let (start, rest) = wire.split_at(at);
            let mut framing = Framing::CHUNKED;
            assert_eq!(body(&mut framing, &[start, rest]).unwrap(), b"abcd0123456789e", "{at}");
            assert!(framing.ended());
        }
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        assert_eq!(body(&mut Framing::CHUNKED.clone(), &bytes).unwrap(), b"abcd0123456789e");
    }

    #[test]
    fn invalid_chunks_are_an_error() {
        for wire in
            [&b"\r\n"[..], b"x\r\n", b"1\r\nab\r\n", b"-1\r\n", b"1111111111111111\r\n", b"1\r\na\r\n\r\n"]
        {
            assert!(body(&mut Framing::CHUNKED.clone(), &[wire]).is_err(), "{}", wire.escape_ascii());
        }
    }

    #[test]
    fn a_length_ends_the_body() {
        let mut framing = Framing::Length(3);
        assert_eq!(body(&mut framing, &[b"a", b"bcd"]).unwrap(), b"abc");
        assert!(framing.ended());
        assert_eq!(body(&mut Framing::UntilClose, &[b"a", b"b"]).unwrap(), b"ab");
    }
}
