//! Checksums of stored rows, and what tells that the file does not have what was written to it.

use rusqlite::{Error, ErrorCode};

/// Of numbers and bytes that belong together.
pub(super) fn sum(numbers: &[u64], bytes: &[&[u8]]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    numbers.iter().for_each(|number| sum.update(&number.to_le_bytes()));
    for bytes in bytes {
        sum.update(bytes);
        sum.update(&bytes.len().to_le_bytes());
    }
    sum.finalize()
}

/// Does the error say so?
pub(super) fn is_damage(error: &Error) -> bool {
    match error {
        Error::InvalidColumnType(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::FromSqlConversionFailure(..) => true,
        error => {
            let extended = error.sqlite_error().map(|error| error.extended_code);
            // The last is of a file that is shorter than it was.
            matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
                || extended == Some(rusqlite::ffi::SQLITE_IOERR_SHORT_READ)
        }
    }
}
