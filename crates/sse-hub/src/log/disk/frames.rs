//! Reads frames from the file by seq, and checks them.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::checksum::{is_damage, sum};

/// Time in milliseconds since 1970, and frame.
pub(super) type StoredFrame = (u64, Vec<u8>);

/// What the file has of a record.
#[derive(Debug)]
pub(super) enum Fetched {
    Frame(StoredFrame),
    Absent,
    Damaged,
}

/// A connection that only reads. Sees what was committed before each [`Self::frames`].
#[derive(Debug)]
pub(super) struct Frames(Connection);

impl Frames {
    pub(super) fn open(file: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(file, flags).map(Self)
    }

    /// Time and frame of each record, checked.
    pub(super) fn frames(&mut self, seqs: impl Iterator<Item = u64>) -> rusqlite::Result<Vec<Fetched>> {
        let snapshot = self.0.transaction()?;
        let mut select =
            snapshot.prepare_cached("SELECT topic, time, frame, sum FROM records WHERE seq = ?")?;
        let fetch = |seq| {
            let row = select.query_row([seq], |row| {
                let (topic, time, frame): (i64, u64, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let stored: Option<u32> = row.get(3)?;
                let checks = stored.is_none_or(|stored| stored == sum(seq, topic, time, &frame));
                Ok(if checks { Fetched::Frame((time, frame)) } else { Fetched::Damaged })
            });
            match row {
                Err(rusqlite::Error::QueryReturnedNoRows) => Ok(Fetched::Absent),
                Err(error) if is_damage(&error) => Ok(Fetched::Damaged),
                row => row,
            }
        };
        seqs.map(fetch).collect()
    }
}
