//! Checksums of stored records, and what tells that the file does not have what was written to it.

use rusqlite::{Error, ErrorCode};

/// Of a whole row of `records`.
pub(super) fn sum(seq: u64, topic: i64, time: u64, frame: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    for number in [seq, topic.cast_unsigned(), time] {
        sum.update(&number.to_le_bytes());
    }
    sum.update(frame);
    sum.finalize()
}

/// Of a row without its frame, whose own checksum is `sum`.
pub(super) fn head_sum(seq: u64, topic: i64, time: u64, bytes: u64, sum: u32) -> u32 {
    let mut head = crc32fast::Hasher::new();
    for number in [seq, topic.cast_unsigned(), time, bytes, u64::from(sum)] {
        head.update(&number.to_le_bytes());
    }
    head.finalize()
}

/// Does the error say so?
pub(super) fn is_damage(error: &Error) -> bool {
    match error {
        Error::InvalidColumnType(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::FromSqlConversionFailure(..) => true,
        error => {
            matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        }
    }
}
