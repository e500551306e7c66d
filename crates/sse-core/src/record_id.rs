//! The hub's own ids: which life of the sequence, and which place in it. Opaque to everyone but the hub.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::EventId;

/// Names one life of the hub's sequence. An id of another epoch is recognised as unknown, never as old news.
///
/// 48 bits, drawn at random when a log is created; written as 12 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(u64);

/// The id of a record, `epoch-seq`, for example `9f86d081884c-1042`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordId {
    /// The life of the sequence that `seq` belongs to.
    pub epoch: Epoch,
    /// The hub-wide sequence number. The first record has 1; 0 stands before all records.
    pub seq: u64,
}

/// A text that no hub of this kind has ever given out as an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id has the form `epoch-seq`: 12 lower-case hexadecimal digits, `-`, a decimal number")]
pub struct RecordIdError;

impl Epoch {
    const DIGITS: usize = 12;

    /// The epoch with the low 48 bits of `bits`.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits & ((1 << (4 * Self::DIGITS)) - 1))
    }

    /// The 48 bits of the epoch, for storage.
    pub fn to_bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$x}", self.0, width = Self::DIGITS)
    }
}

impl FromStr for Epoch {
    type Err = RecordIdError;

    fn from_str(text: &str) -> Result<Self, RecordIdError> {
        let canonical =
            text.len() == Self::DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !canonical {
            return Err(RecordIdError);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| RecordIdError)
    }
}

impl RecordId {
    /// Longest id, in bytes.
    pub const MAX_BYTES: usize = Epoch::DIGITS + "-18446744073709551615".len();

    /// The same id as the value of an `id:` field.
    pub fn to_event_id(self) -> EventId {
        EventId::from_wire(&self.to_string())
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

impl Serialize for RecordId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for RecordId {
    type Err = RecordIdError;

    fn from_str(text: &str) -> Result<Self, RecordIdError> {
        let (epoch, seq) = text.split_once('-').ok_or(RecordIdError)?;
        let canonical = seq.bytes().all(|b| b.is_ascii_digit()) && (seq == "0" || !seq.starts_with('0'));
        if !canonical {
            return Err(RecordIdError);
        }
        Ok(Self { epoch: epoch.parse()?, seq: seq.parse().map_err(|_| RecordIdError)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes() {
        for (bits, seq) in [(0, 0), (1, 1), (0xffff_ffff_ffff, u64::MAX), (0x9f86_d081_884c, 1042)] {
            let id = RecordId { epoch: Epoch::from_bits(bits), seq };
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(id.to_event_id().as_str(), id.to_string());
        }
    }

    #[test]
    fn refuses_every_other_spelling() {
        for text in [
            "",
            "-",
            "7",
            "9f86d081884c",
            "9f86d081884c-",
            "9F86D081884C-1",
            "9f86d081884c-01",
            "9f86d081884c-+1",
        ] {
            assert_eq!(text.parse::<RecordId>(), Err(RecordIdError), "{text:?}");
        }
        assert_eq!("9f86d081884c-18446744073709551616".parse::<RecordId>(), Err(RecordIdError));
    }
}
