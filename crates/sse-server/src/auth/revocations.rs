//! Subjects that are kept out, whatever token they have. In a file of the data folder, so that a restart lets none of them in.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;
use parking_lot::{Mutex, RwLock};

/// Most subjects. To keep out more, change the keys.
const MAX: usize = 10_000;
const FILE: &str = "revoked.json";

/// By subject, until when in seconds since 1970; `None` is for ever.
type Subjects = BTreeMap<String, Option<u64>>;

#[derive(Debug, Default)]
pub(crate) struct Revocations {
    /// `None`: they last as long as the process.
    file: Option<PathBuf>,
    subjects: RwLock<Subjects>,
    writing: Mutex<()>,
}

/// Why a subject is not revoked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RevokeError {
    #[error("{MAX} subjects are revoked, the most there can be; change the keys of `[auth]` instead")]
    Full,
    #[error("the revocation cannot be stored: {0}")]
    Io(#[from] io::Error),
}

impl Revocations {
    /// Those of this folder, which is there.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join(FILE);
        let subjects = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).map_err(anyhow::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Subjects::new()),
            Err(error) => Err(error.into()),
        };
        let subjects = subjects.with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Self { file: Some(file), subjects: RwLock::new(subjects), writing: Mutex::default() })
    }

    pub(super) fn has(&self, subject: &str) -> bool {
        self.subjects.read().get(subject).is_some_and(is_in_force)
    }

    /// Keeps a subject out. Blocks until that is on disk.
    pub(super) fn add(&self, subject: &str, until: Option<u64>) -> Result<(), RevokeError> {
        let _one = self.writing.lock();
        let mut subjects = self.subjects.read().clone();
        subjects.retain(|_, until| is_in_force(until));
        subjects.insert(subject.to_owned(), until);
        if subjects.len() > MAX {
            return Err(RevokeError::Full);
        }
        if let Some(file) = &self.file {
            write(file, &subjects)?;
        }
        *self.subjects.write() = subjects;
        Ok(())
    }
}

fn is_in_force(until: &Option<u64>) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    until.is_none_or(|until| now <= until)
}

/// The file is the old one or the new one, whenever the machine stops.
fn write(file: &Path, subjects: &Subjects) -> io::Result<()> {
    let new = file.with_extension("new");
    let mut writer = File::create(&new)?;
    writer.write_all(&serde_json::to_vec(subjects)?)?;
    writer.sync_all()?;
    fs::rename(&new, file)?;
    match file.parent() {
        // Windows does not open folders.
        Some(folder) if !cfg!(windows) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_outlast_a_restart_and_end_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let revocations = Revocations::open(folder.path()).unwrap();
        revocations.add("ann", None).unwrap();
        revocations.add("bob", Some(1)).unwrap();
        revocations.add("eve", Some(u64::MAX)).unwrap();
        let reopened = Revocations::open(folder.path()).unwrap();
        for revocations in [&revocations, &reopened] {
            let out = ["ann", "bob", "eve", "joe"].map(|subject| revocations.has(subject));
            assert_eq!(out, [true, false, true, false]);
        }
        fs::write(folder.path().join(FILE), "{").unwrap();
        assert!(Revocations::open(folder.path()).is_err());
    }

    #[test]
    fn there_are_only_so_many() {
        let revocations = Revocations::default();
        let many = (0..MAX).map(|n| (n.to_string(), None)).collect();
        *revocations.subjects.write() = many;
        assert!(matches!(revocations.add("one more", None), Err(RevokeError::Full)));
        revocations.add("7", Some(1)).unwrap();
        revocations.add("one more", None).unwrap();
    }
}
