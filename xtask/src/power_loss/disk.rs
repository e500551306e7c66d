//! A model of a disk below one folder: what is on it for certain, and what the system may or may not have written yet. As
//! POSIX has it: bytes and the length of a file are durable once the file was synced, names once their folder was.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;

use super::trace::{Call, Phase, Step};

/// A disk writes so many bytes as a whole or not at all.
const SECTOR: usize = 512;
/// SQLite's map of the write-ahead log, in shared memory. It makes it anew after a power cut.
const SHARED_MEMORY: &str = "-shm";

/// The files below one folder, which is durable itself.
#[derive(Debug, Default)]
pub(super) struct Disk {
    root: PathBuf,
    files: Vec<Content>,
    /// As programs see it.
    names: BTreeMap<PathBuf, Node>,
    /// As a power cut leaves it at least.
    synced_names: BTreeMap<PathBuf, Node>,
    /// Changes of names since, in order. `None` removes it.
    renamings: Vec<(PathBuf, Option<Node>)>,
    /// Syncs that run, by thread, with the changes that they cover.
    syncs: HashMap<u32, Covered>,
    /// Number of the next change.
    next: u64,
    /// Syncs do nothing, to see that this is noticed.
    pub(super) ignores_syncs: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder,
    /// Place in `files`.
    File(usize),
}

#[derive(Debug, Default)]
struct Content {
    synced: Vec<u8>,
    /// In order, by their numbers.
    pending: BTreeMap<u64, Change>,
}

#[derive(Debug)]
enum Change {
    Write { at: usize, data: Vec<u8> },
    Truncate(usize),
}

#[derive(Debug)]
enum Covered {
    /// Changes of this file before this number.
    File(usize, u64),
    /// Those of these changes of names that are in this folder.
    Folder(PathBuf, Vec<(PathBuf, Option<Node>)>),
}

/// What a power cut leaves of that which was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsynced {
    Nothing,
    Everything,
    /// Some sectors, lengths and names, drawn with this seed.
    Some(u64),
}

/// What is below the root.
#[derive(Debug, Default)]
struct Image {
    folders: BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Disk {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), ..Self::default() }
    }

    /// With the files that are there now.
    pub(super) fn of(root: &Path) -> Result<Self> {
        let mut disk = Self::new(root);
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    set(&mut disk.synced_names, &path, Some(Node::Folder));
                    folders.push(path);
                } else {
                    set(&mut disk.synced_names, &path, Some(Node::File(disk.files.len())));
                    disk.files.push(Content { synced: std::fs::read(&path)?, ..Content::default() });
                }
            }
        }
        disk.names.clone_from(&disk.synced_names);
        Ok(disk)
    }

    /// Takes a step of a program.
    ///
    /// # Errors
    /// When it changes a file in a way that this model does not know.
    pub(super) fn take(&mut self, step: &Step) -> Result<()> {
        match (step.phase, &step.call) {
            (Phase::Begins, Call::Sync(path)) if self.is_below(path) || *path == self.root => {
                self.begin_sync(step.thread, path);
            }
            (Phase::Ends, Call::Sync(_)) => self.end_sync(step.thread),
            (Phase::Ends, Call::Open { path, creates, truncates }) if self.is_below(path) => {
                if *creates && !self.names.contains_key(path) {
                    self.files.push(Content::default());
                    self.rename(path, Some(Node::File(self.files.len() - 1)));
                } else if *truncates {
                    self.change(path, Change::Truncate(0))?;
                }
            }
            (Phase::Ends, Call::Write { path, at, data }) if self.is_below(path) => {
                self.change(path, Change::Write { at: usize::try_from(*at)?, data: data.clone() })?;
            }
            (Phase::Ends, Call::Truncate { path, length }) if self.is_below(path) => {
                self.change(path, Change::Truncate(usize::try_from(*length)?))?;
            }
            (Phase::Ends, Call::Remove(path)) if self.is_below(path) => self.rename(path, None),
            (Phase::Ends, Call::Rename { from, to }) if self.is_below(from) || self.is_below(to) => {
                let node = self.names.get(from).copied();
                self.rename(to, node);
                self.rename(from, None);
            }
            (Phase::Ends, Call::MakeFolder(path)) if self.is_below(path) => {
                self.rename(path, Some(Node::Folder))
            }
            (_, Call::Other { name, paths }) => {
                let unknown = name == "io_uring_setup" || paths.iter().any(|path| self.is_below(path));
                ensure!(!unknown, "the model of the disk does not know what {name} does");
            }
            _ => {}
        }
        Ok(())
    }

    fn is_below(&self, path: &Path) -> bool {
        let is_map = path.as_os_str().to_string_lossy().ends_with(SHARED_MEMORY);
        path.starts_with(&self.root) && path != self.root && !is_map
    }

    fn rename(&mut self, path: &Path, node: Option<Node>) {
        set(&mut self.names, path, node);
        self.renamings.push((path.to_owned(), node));
    }

    fn change(&mut self, path: &Path, change: Change) -> Result<()> {
        let file = match self.names.get(path) {
            Some(Node::File(file)) => self.files.get_mut(*file),
            // A file that was removed while it was open.
            _ if path.as_os_str().to_string_lossy().ends_with(" (deleted)") => return Ok(()),
            _ => bail!("a write to {}, which was not opened", path.display()),
        };
        file.context("no such file")?.pending.insert(self.next, change);
        self.next += 1;
        Ok(())
    }

    /// A sync covers what was there when it began.
    fn begin_sync(&mut self, thread: u32, path: &Path) {
        let covered = match self.names.get(path) {
            Some(Node::File(file)) => Covered::File(*file, self.next),
            _ => Covered::Folder(path.to_owned(), self.renamings.clone()),
        };
        self.syncs.insert(thread, covered);
    }

    fn end_sync(&mut self, thread: u32) {
        let covered = self.syncs.remove(&thread).filter(|_| !self.ignores_syncs);
        match covered {
            Some(Covered::File(file, end)) => {
                if let Some(file) = self.files.get_mut(file) {
                    let later = file.pending.split_off(&end);
                    let covered = std::mem::replace(&mut file.pending, later);
                    covered.values().for_each(|change| change.apply(&mut file.synced, &mut |_| true));
                }
            }
            Some(Covered::Folder(folder, covered)) => {
                for change in covered.iter().filter(|(path, _)| path.parent() == Some(&folder)) {
                    if let Some(at) = self.renamings.iter().position(|pending| pending == change) {
                        self.renamings.remove(at);
                        set(&mut self.synced_names, &change.0, change.1);
                    }
                }
            }
            None => {}
        }
    }

    /// What a power cut now would leave.
    fn after_cut(&self, unsynced: Unsynced) -> Result<Image> {
        let mut rng = Rng::with_seed(if let Unsynced::Some(seed) = unsynced { seed } else { 0 });
        let share = rng.f64();
        let mut survives = move || match unsynced {
            Unsynced::Nothing => false,
            Unsynced::Everything => true,
            Unsynced::Some(_) => rng.f64() < share,
        };
        let mut names = self.synced_names.clone();
        for (path, node) in self.renamings.iter().filter(|_| survives()) {
            set(&mut names, path, *node);
        }
        let mut image = Image::default();
        for (path, node) in names {
            let parent = path.parent().context("a file without a folder")?;
            // Sorted by name, so folders come before what is in them.
            if parent != self.root && !image.folders.contains(parent) {
                continue;
            }
            match node {
                Node::Folder => _ = image.folders.insert(path),
                Node::File(file) => {
                    let file = self.files.get(file).context("no such file")?;
                    let mut bytes = file.synced.clone();
                    file.pending.values().for_each(|change| change.apply(&mut bytes, &mut |_| survives()));
                    image.files.insert(path, bytes);
                }
            }
        }
        Ok(image)
    }

    /// Makes a folder as [`Self::after_cut`] says, in which the root's files begin at `target`.
    pub(super) fn write_to(&self, target: &Path, unsynced: Unsynced) -> Result<()> {
        let Image { folders, files } = self.after_cut(unsynced)?;
        for folder in folders {
            std::fs::create_dir_all(target.join(folder.strip_prefix(&self.root)?))?;
        }
        for (path, bytes) in files {
            std::fs::write(target.join(path.strip_prefix(&self.root)?), bytes)?;
        }
        Ok(())
    }

    /// # Errors
    /// When the files are others than those of the model: it has missed something.
    pub(super) fn expect_real(&self) -> Result<()> {
        for (path, node) in &self.names {
            let Node::File(file) = node else { continue };
            let file = self.files.get(*file).context("no such file")?;
            let mut bytes = file.synced.clone();
            file.pending.values().for_each(|change| change.apply(&mut bytes, &mut |_| true));
            let real = std::fs::read(path).with_context(|| format!("{} is missing", path.display()))?;
            ensure!(bytes == real, "the model of {} differs from the file", path.display());
        }
        Ok(())
    }
}

impl Change {
    /// Applies those sectors, or the length, for which `survives` is true.
    fn apply(&self, file: &mut Vec<u8>, survives: &mut dyn FnMut(usize) -> bool) {
        match self {
            Self::Truncate(length) => {
                if survives(0) {
                    file.resize(*length, 0);
                }
            }
            Self::Write { at, data } => {
                let mut rest = data.as_slice();
                let mut at = *at;
                while !rest.is_empty() {
                    let (sector, after) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
                    let end = at + sector.len();
                    if survives(at / SECTOR) {
                        file.resize(file.len().max(end), 0);
                        if let Some(place) = file.get_mut(at..end) {
                            place.copy_from_slice(sector);
                        }
                    }
                    (at, rest) = (end, after);
                }
            }
        }
    }
}

fn set(names: &mut BTreeMap<PathBuf, Node>, path: &Path, node: Option<Node>) {
    match node {
        Some(node) => _ = names.insert(path.to_owned(), node),
        None => _ = names.remove(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(calls: &[Call]) -> Disk {
        let mut disk = Disk::new(Path::new("/d"));
        for call in calls {
            for phase in [Phase::Begins, Phase::Ends] {
                disk.take(&Step { thread: 1, phase, call: call.clone() }).unwrap();
            }
        }
        disk
    }

    fn left(disk: &Disk, unsynced: Unsynced) -> Vec<(String, Vec<u8>)> {
        let files = disk.after_cut(unsynced).unwrap().files.into_iter();
        files.map(|(path, bytes)| (path.to_string_lossy().into_owned(), bytes)).collect()
    }

    fn open() -> Call {
        Call::Open { path: "/d/a".into(), creates: true, truncates: false }
    }

    fn write(at: u64, data: &[u8]) -> Call {
        Call::Write { path: "/d/a".into(), at, data: data.to_vec() }
    }

    fn sync(path: &str) -> Call {
        Call::Sync(path.into())
    }

    #[test]
    fn only_what_was_synced_is_left() {
        let disk = disk(&[open(), write(0, b"one"), sync("/d/a"), sync("/d"), write(3, b"two")]);
        assert_eq!(left(&disk, Unsynced::Nothing), [("/d/a".to_owned(), b"one".to_vec())]);
        assert_eq!(left(&disk, Unsynced::Everything), [("/d/a".to_owned(), b"onetwo".to_vec())]);
    }

    #[test]
    fn a_name_is_left_once_its_folder_was_synced() {
        let disk = disk(&[open(), write(0, b"one"), sync("/d/a")]);
        assert_eq!(left(&disk, Unsynced::Nothing), []);
    }

    #[test]
    fn a_removed_file_comes_back_until_its_folder_was_synced() {
        let mut calls = vec![open(), sync("/d"), Call::Remove("/d/a".into())];
        assert_eq!(left(&disk(&calls), Unsynced::Nothing).len(), 1);
        calls.push(sync("/d"));
        assert_eq!(left(&disk(&calls), Unsynced::Nothing).len(), 0);
    }

    #[test]
    fn a_sync_covers_what_was_there_when_it_began() {
        let mut disk = disk(&[open(), sync("/d"), write(0, b"one")]);
        let mut take = |thread, phase, call| disk.take(&Step { thread, phase, call }).unwrap();
        take(1, Phase::Begins, sync("/d/a"));
        take(2, Phase::Ends, write(0, b"two"));
        take(1, Phase::Ends, sync("/d/a"));
        assert_eq!(left(&disk, Unsynced::Nothing), [("/d/a".to_owned(), b"one".to_vec())]);
    }

    #[test]
    fn some_sectors_of_a_write_are_left() {
        let disk = disk(&[open(), sync("/d"), write(0, &[1; 64 * SECTOR])]);
        let torn = |seed| left(&disk, Unsynced::Some(seed)).pop().unwrap().1;
        let whole =
            |bytes: &[u8]| bytes.chunks(SECTOR).all(|sector| sector.iter().all(|byte| *byte == sector[0]));
        assert!((0..20).map(torn).all(|bytes| whole(&bytes)));
        assert!((0..20).map(torn).any(|bytes| bytes.contains(&0) && bytes.contains(&1)));
        assert_eq!(torn(5), torn(5));
    }

    #[test]
    fn an_unknown_call_is_an_error() {
        let call = Call::Other { name: "fallocate".into(), paths: vec!["/d/a".into()] };
        let mut disk = Disk::new(Path::new("/d"));
        assert!(disk.take(&Step { thread: 1, phase: Phase::Ends, call }).is_err());
    }
}
