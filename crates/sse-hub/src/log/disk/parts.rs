//! What the file knows of the log as a whole: a few values, each a row with a name and a checksum.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::checksum::{is_damage, sum};
use super::store::{Store, Write};
use crate::log::epochs::{Epochs, PastEpoch};
use crate::log::index::Index;
use crate::log::log_time::Segment;

/// A value of its own row.
pub(super) trait Part: Serialize + DeserializeOwned + Default {
    const NAME: &'static str;
}

/// Changes while the server runs.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Meta {
    /// Seqs up to this one may have been given to records in memory.
    pub(super) reserved: u64,
    /// The server was stopped, not killed.
    pub(super) clean: bool,
    /// Pieces reached at least to this seq.
    pub(super) stored_to: u64,
    /// How often the log was opened. Each piece says by which time it was stored.
    pub(super) starts: u32,
    /// The file is a backup: it does not know what was stored after it was made.
    #[serde(default)]
    pub(super) backup: bool,
}

/// All epochs, oldest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct StoredEpochs(pub(super) Vec<StoredEpoch>);

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredEpoch {
    pub(super) epoch: u64,
    pub(super) first: u64,
    /// Newest seq on disk; `None` while the epoch lasts.
    pub(super) last: Option<u64>,
}

/// Places after which acknowledged records may be missing, in order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Losses(pub(super) Vec<u64>);

/// The segments of log time, in order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Segments(pub(super) Vec<Segment>);

/// Up to which seq topics with a first segment went whose names are not kept.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Folded(pub(super) BTreeMap<String, u64>);

impl Part for Meta {
    const NAME: &'static str = "meta";
}

impl Part for StoredEpochs {
    const NAME: &'static str = "epochs";
}

impl Part for Losses {
    const NAME: &'static str = "losses";
}

impl Part for Segments {
    const NAME: &'static str = "segments";
}

impl Part for Folded {
    const NAME: &'static str = "folded";
}

impl Folded {
    pub(super) fn of(index: &mut Index) -> Self {
        Self(index.removals().folded().map(|(segment, seq)| (segment.to_owned(), seq)).collect())
    }
}

impl StoredEpochs {
    /// Those of a log whose current epoch has just begun.
    pub(super) fn of(epochs: &Epochs) -> Self {
        let past = epochs.past().iter().map(|past| StoredEpoch {
            epoch: past.epoch.to_bits(),
            first: past.first,
            last: Some(past.last),
        });
        let current = StoredEpoch { epoch: epochs.current().to_bits(), first: epochs.first(), last: None };
        Self(past.chain([current]).collect())
    }

    /// The one that lasted has ended at `end`.
    pub(super) fn ended(self, end: u64) -> Vec<PastEpoch> {
        let past = |StoredEpoch { epoch, first, last }| PastEpoch {
            epoch: sse_core::Epoch::from_bits(epoch),
            first,
            last: last.unwrap_or(end),
        };
        self.0.into_iter().map(past).collect()
    }
}

impl Store {
    /// A part as it was stored; `None` if it is damaged or missing.
    pub(super) fn part<P: Part>(&self) -> rusqlite::Result<Option<P>> {
        let select = "SELECT value, sum FROM parts WHERE name = ?";
        let row = self.0.query_row(select, [P::NAME], |row| Ok((row.get(0)?, row.get(1)?))).optional();
        let row: Option<(String, u32)> = match row {
            Err(error) if is_damage(&error) => None,
            row => row?,
        };
        let checked = row.filter(|(value, stored)| *stored == sum_of::<P>(value));
        Ok(checked.and_then(|(value, _)| serde_json::from_str(&value).ok()))
    }
}

impl Write<'_> {
    pub(super) fn set_part<P: Part>(&self, part: &P) -> rusqlite::Result<()> {
        let value = serde_json::to_string(part)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let sum = sum_of::<P>(&value);
        self.execute("INSERT OR REPLACE INTO parts VALUES (?, ?, ?)", (P::NAME, value, sum))
    }
}

fn sum_of<P: Part>(value: &str) -> u32 {
    sum(&[], &[P::NAME.as_bytes(), value.as_bytes()])
}
