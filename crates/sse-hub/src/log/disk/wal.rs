//! Looks at the write-ahead log of a process that was killed, before SQLite does. SQLite takes it up to the first frame that
//! does not check, and drops the rest without a word: right for a write that was cut off, and a loss if the file was
//! damaged later. The two differ in what follows: behind a write that was cut off there is no whole transaction.
//!
//! The file is a header of 32 bytes and frames: a header of 24 bytes and a page each. The checksum of a frame goes on from
//! that of the frame before it, as it is stored there, so frames behind a damaged one can still be told to be whole. Frames
//! of an earlier use of the file have another salt.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const MAX_PAGE: usize = 64 << 10;

/// A checksum as SQLite makes it.
type Sums = (u32, u32);

/// What was found in a write-ahead log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wal {
    /// Grows by one each time the file is begun again.
    pub(super) salt: u32,
    /// Frames up to the end of the last whole transaction.
    pub(super) frames: u32,
    /// The first frame is still one of the use before: the header was written and synced, and nothing since. Before that SQLite
    /// has moved every frame into the main file.
    pub(super) is_begun_again: bool,
    /// There is a whole transaction behind something that does not check.
    pub(super) is_damaged: bool,
}

/// The salt of a write-ahead log, if it has one.
pub(super) fn salt(file: &Path) -> Option<u32> {
    let mut header = [0; HEADER];
    File::open(file).ok()?.read_exact(&mut header).ok()?;
    Some(word(&header, 16))
}

/// Reads all of it.
pub(super) fn inspect(file: &Path) -> io::Result<Wal> {
    let mut found = Wal::default();
    let mut file = BufReader::with_capacity(1 << 20, File::open(file)?);
    let mut header = [0; HEADER];
    if !read_whole(&mut file, &mut header)? {
        return Ok(found);
    }
    let big_endian = word(&header, 0) & 1 == 1;
    let page = word(&header, 8) as usize;
    let (checked, stored) = header.split_at(24);
    let mut before = (word(stored, 0), word(stored, 4));
    if sum(checked, (0, 0), big_endian) != before || !(512..=MAX_PAGE).contains(&page) {
        // It was written, and synced, before any frame.
        return Ok(Wal { is_damaged: true, ..found });
    }
    let salt = header.get(16..24).unwrap_or_default();
    found.salt = word(&header, 16);
    let (mut damaged, mut frames) = (false, 0);
    let mut frame = vec![0; FRAME_HEADER + page];
    while read_whole(&mut file, &mut frame)? {
        let (head, data) = frame.split_at(FRAME_HEADER);
        let stored = (word(head, 16), word(head, 20));
        let checks =
            sum(data, sum(head.get(..8).unwrap_or_default(), before, big_endian), big_endian) == stored;
        let whole = checks && head.get(8..16) == Some(salt);
        let ends_transaction = word(head, 4) != 0;
        if damaged && whole && ends_transaction {
            return Ok(Wal { is_damaged: true, ..found });
        }
        found.is_begun_again |= frames == 0 && word(head, 8) == found.salt.wrapping_sub(1);
        damaged |= !whole;
        frames += 1;
        if !damaged && ends_transaction {
            found.frames = frames;
        }
        before = stored;
    }
    Ok(found)
}

/// `false` when the file ends before that.
fn read_whole(file: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(into) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_be_bytes)
}

fn sum(bytes: &[u8], start: Sums, big_endian: bool) -> Sums {
    let words = bytes.chunks_exact(4).filter_map(|word| word.try_into().ok());
    let mut words = words.map(if big_endian { u32::from_be_bytes } else { u32::from_le_bytes });
    let (mut one, mut two) = start;
    while let (Some(first), Some(second)) = (words.next(), words.next()) {
        one = one.wrapping_add(first).wrapping_add(two);
        two = two.wrapping_add(second).wrapping_add(one);
    }
    (one, two)
}
