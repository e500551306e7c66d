//! A log whose contents are known: every acknowledged event, and copies of the data folder at several moments. Kept in a
//! folder, so that a round can be run again on the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Topics with this prefix retain few events.
pub(super) const SMALL_PREFIX: &str = "small/";
/// Events that such a topic retains.
pub(super) const SMALL_COUNT: usize = 25;
/// Events that a round may publish, which push out as many of a small topic.
pub(super) const MAX_NEW: usize = 5;

/// What is known, without the folders.
const CONTENTS: &str = "contents.json";

/// An acknowledged event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownEvent {
    pub(super) id: String,
    pub(super) topic: String,
    pub(super) event_type: String,
    pub(super) data: String,
    /// When it was published; `None` if it was removed before anybody read it.
    pub(super) time: Option<String>,
    /// Idempotency key.
    pub(super) key: Option<String>,
}

/// A copy of the data folder at a moment at which no request was open.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FolderCopy {
    pub(super) name: String,
    /// Batches that were acknowledged before; a single event is a batch too.
    pub(super) batches: usize,
}

/// The log.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct KnownLog {
    /// In the order of the log.
    pub(super) events: Vec<KnownEvent>,
    /// Number of events up to the end of each batch.
    pub(super) batch_ends: Vec<usize>,
    /// Oldest first.
    pub(super) copies: Vec<FolderCopy>,
    #[serde(skip)]
    pub(super) folder: PathBuf,
}

impl KnownEvent {
    /// Its place in the log.
    pub(super) fn seq(&self) -> u64 {
        seq_of(&self.id).unwrap_or(0)
    }

    pub(super) fn is_small(&self) -> bool {
        self.topic.starts_with(SMALL_PREFIX)
    }
}

/// The seq of an id `epoch-seq`.
pub(super) fn seq_of(id: &str) -> Option<u64> {
    id.rsplit_once('-')?.1.parse().ok()
}

impl KnownLog {
    /// The log that was stored in this folder, if there is one.
    pub(super) fn load(folder: &Path) -> Result<Option<Self>> {
        let file = folder.join(CONTENTS);
        if !file.exists() {
            return Ok(None);
        }
        let log: Self =
            serde_json::from_slice(&fs::read(&file)?).with_context(|| file.display().to_string())?;
        Ok(Some(Self { folder: folder.to_owned(), ..log }))
    }

    /// Stores it beside its copies.
    pub(super) fn store(&self) -> Result<()> {
        Ok(fs::write(self.folder.join(CONTENTS), serde_json::to_vec(self)?)?)
    }

    /// Number of events in so many batches.
    pub(super) fn events_in(&self, batches: usize) -> usize {
        batches.checked_sub(1).and_then(|last| self.batch_ends.get(last)).copied().unwrap_or(0)
    }

    pub(super) fn path(&self, copy: &FolderCopy) -> PathBuf {
        self.folder.join(&copy.name)
    }

    /// Every topic, sorted.
    pub(super) fn topics(&self) -> Vec<&str> {
        let mut topics: Vec<&str> = self.events.iter().map(|event| event.topic.as_str()).collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }
}

/// Copies the files of a data folder into a new folder.
pub(super) fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let file = file?;
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}
