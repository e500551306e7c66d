//! Reads frames and pieces from the file, and checks them.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Transaction};

use super::checksum::is_damage;
use super::store::{sum_of_piece, sum_of_record};
use crate::log::newest::Placed;
use crate::log::pieces;
use crate::log::record::Record;
use crate::log::topic_index::Wanted;

/// What was stored of a record.
#[derive(Debug)]
pub(super) struct StoredFrame {
    /// Milliseconds since 1970.
    time: u64,
    expires: u64,
    frame: Vec<u8>,
}

impl StoredFrame {
    pub(super) fn record(self, wanted: Wanted) -> Record {
        let Self { time, expires, frame } = self;
        let (topic, seq, rule, frame) = (wanted.topic, wanted.seq, wanted.rule, frame.into());
        Record { seq, topic, time, in_memory: false, closes: false, expires, topic_id: 0, rule, frame }
    }
}

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
pub(super) struct Frames(Connection);

/// What was committed at one time.
pub(super) struct Snapshot<'a>(Transaction<'a>);

impl Frames {
    pub(super) fn open(file: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(file, flags).map(Self)
    }

    /// What is committed by now, or a little later.
    pub(super) fn snapshot(&mut self) -> rusqlite::Result<Snapshot<'_>> {
        self.0.transaction().map(Snapshot)
    }
}

impl Snapshot<'_> {
    /// Time and frame of each record that is not in memory, checked.
    pub(super) fn frames(&self, wanted: &[Wanted]) -> rusqlite::Result<Vec<Fetched>> {
        let mut select =
            self.0.prepare_cached("SELECT time, expires, frame, sum FROM records WHERE seq = ?")?;
        let fetch = |Wanted { seq, topic, .. }: &Wanted| {
            let row = select.query_row([seq], |row| {
                let (time, expires, frame): (_, _, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let sum = sum_of_record(*seq, topic.as_str(), time, expires, &frame);
                let checks = row.get::<_, u32>(3)? == sum;
                Ok(if checks {
                    Fetched::Frame(StoredFrame { time, expires, frame })
                } else {
                    Fetched::Damaged
                })
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
        let piece = self.0.prepare_cached(sql)?.query_row([seq], |row| {
            let (last, body): (u64, _) = (row.get(0)?, row.get_ref(1)?.as_blob()?);
            if row.get::<_, u32>(2)? != sum_of_piece(last, body) {
                return Ok(NextPiece::Damaged);
            }
            let after = |placed: &Placed| placed.entry.seq > seq;
            Ok(NextPiece::Piece { placed: pieces::decode(body).1.filter(after).collect(), last })
        });
        match piece {
            Err(rusqlite::Error::QueryReturnedNoRows) => Ok(NextPiece::None),
            Err(error) if is_damage(&error) => Ok(NextPiece::Damaged),
            piece => piece,
        }
    }
}
