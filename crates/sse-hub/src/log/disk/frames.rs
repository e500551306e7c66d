//! Reads frames and pieces from the file, and checks them.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Transaction};

use super::checksum::is_damage;
use super::store::{sum_of_piece, sum_of_record};
use crate::log::newest::Placed;
use crate::log::pieces;
use crate::log::topic_index::Wanted;

/// Time in milliseconds since 1970, and frame.
pub(super) type StoredFrame = (u64, Vec<u8>);

/// What the file has of a record.
#[derive(Debug)]
pub(super) enum Fetched {
    Frame(StoredFrame),
    Absent,
    Damaged,
}

/// What the file has of the next piece.
#[derive(Debug)]
pub(super) enum NextPiece {
    /// These records, and all up to this seq.
    Piece {
        placed: Vec<Placed>,
        last: u64,
    },
    /// There is no further one.
    None,
    Damaged,
}

/// A connection that only reads.
#[derive(Debug)]
pub(super) struct Frames {
    connection: Connection,
    /// Records up to this seq may have no checksum.
    unchecked_to: u64,
}

/// What was committed at one time.
pub(super) struct Snapshot<'a> {
    transaction: Transaction<'a>,
    unchecked_to: u64,
}

impl Frames {
    pub(super) fn open(file: &Path, unchecked_to: u64) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Self { connection: Connection::open_with_flags(file, flags)?, unchecked_to })
    }

    /// What is committed by now, or a little later.
    pub(super) fn snapshot(&mut self) -> rusqlite::Result<Snapshot<'_>> {
        Ok(Snapshot { transaction: self.connection.transaction()?, unchecked_to: self.unchecked_to })
    }
}

impl Snapshot<'_> {
    /// Time and frame of each record that is not in memory, checked.
    pub(super) fn frames(&self, wanted: &[Wanted]) -> rusqlite::Result<Vec<Fetched>> {
        let mut select =
            self.transaction.prepare_cached("SELECT time, frame, sum FROM records WHERE seq = ?")?;
        let fetch = |Wanted { seq, topic, .. }: &Wanted| {
            let row = select.query_row([seq], |row| {
                let (time, frame): StoredFrame = (row.get(0)?, row.get(1)?);
                let checks = match row.get::<_, Option<u32>>(2)? {
                    None => *seq <= self.unchecked_to,
                    Some(stored) => stored == sum_of_record(*seq, topic.as_str(), time, &frame),
                };
                Ok(if checks { Fetched::Frame((time, frame)) } else { Fetched::Damaged })
            });
            match row {
                Err(rusqlite::Error::QueryReturnedNoRows) => Ok(Fetched::Absent),
                Err(error) if is_damage(&error) => Ok(Fetched::Damaged),
                row => row,
            }
        };
        wanted.iter().filter(|wanted| wanted.record.is_none()).map(fetch).collect()
    }

    /// Where the records after this seq are that come next: what the next piece has.
    pub(super) fn piece_after(&self, seq: u64) -> rusqlite::Result<NextPiece> {
        let sql = "SELECT last, body, sum FROM pieces WHERE last > ? ORDER BY last LIMIT 1";
        let piece = self.transaction.prepare_cached(sql)?.query_row([seq], |row| {
            let (last, body): (u64, _) = (row.get(0)?, row.get_ref(1)?.as_blob()?);
            if row.get::<_, u32>(2)? != sum_of_piece(last, body) {
                return Ok(NextPiece::Damaged);
            }
            let after = |placed: &Placed| placed.entry.seq > seq;
            Ok(NextPiece::Piece { placed: pieces::decode(body).filter(after).collect(), last })
        });
        match piece {
            Err(rusqlite::Error::QueryReturnedNoRows) => Ok(NextPiece::None),
            Err(error) if is_damage(&error) => Ok(NextPiece::Damaged),
            piece => piece,
        }
    }
}
