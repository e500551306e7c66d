//! Damages a copy of a data folder, and says what may be missing from it in silence.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use fastrand::Rng;

use super::known_log::{FolderCopy, KnownLog, copy_folder};
use super::wal;

const MAIN: &str = "log.sqlite";
const WAL: &str = "log.sqlite-wal";
const SHM: &str = "log.sqlite-shm";
const PAGE: usize = 4096;
/// The tables' roots are among them.
const FIRST_PAGES: usize = 16;

/// What is done to a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Undamaged,
    FlipMain,
    FlipWal,
    ZeroPages,
    RandomPages,
    OtherPages,
    OlderPages,
    WalPages,
    TruncateMain,
    TruncateWal,
    RemoveWal,
    StaleWal,
    SwapMain,
    RollBack,
}

/// What was done.
pub(super) struct Damaged {
    pub(super) what: String,
    /// Numbers of events that the log may have, as far as anybody can tell.
    pub(super) ends: Vec<usize>,
    /// The folder is as a server left it.
    pub(super) intact: bool,
}

impl Kind {
    /// Those that the server withstands every time.
    pub(super) const SURE: [Self; 7] = [
        Self::Undamaged,
        Self::FlipWal,
        Self::WalPages,
        Self::TruncateWal,
        Self::RemoveWal,
        Self::StaleWal,
        Self::RollBack,
    ];
    pub(super) const ALL: [Self; 14] = [
        Self::Undamaged,
        Self::FlipMain,
        Self::FlipWal,
        Self::ZeroPages,
        Self::RandomPages,
        Self::OtherPages,
        Self::OlderPages,
        Self::WalPages,
        Self::TruncateMain,
        Self::TruncateWal,
        Self::RemoveWal,
        Self::StaleWal,
        Self::SwapMain,
        Self::RollBack,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Undamaged => "undamaged",
            Self::FlipMain => "bits of the file flipped",
            Self::FlipWal => "bits of the WAL flipped",
            Self::ZeroPages => "pages zeroed",
            Self::RandomPages => "pages overwritten at random",
            Self::OtherPages => "pages replaced by others",
            Self::OlderPages => "pages replaced by older ones",
            Self::WalPages => "frames of the WAL overwritten",
            Self::TruncateMain => "file truncated",
            Self::TruncateWal => "WAL truncated",
            Self::RemoveWal => "WAL removed",
            Self::StaleWal => "WAL of another moment",
            Self::SwapMain => "file of another moment",
            Self::RollBack => "folder rolled back",
        }
    }
}

/// Damages a copy in `folder`, which is new.
pub(super) struct Damager<'a> {
    pub(super) log: &'a KnownLog,
    pub(super) random: &'a mut Rng,
    pub(super) folder: &'a Path,
}

impl Damager<'_> {
    pub(super) fn apply(&mut self, kind: Kind) -> Result<Damaged> {
        let needs_wal = matches!(kind, Kind::FlipWal | Kind::WalPages | Kind::TruncateWal | Kind::RemoveWal);
        let copy = self.copy(|log, copy| !needs_wal || has_wal(log, copy))?;
        copy_folder(&self.log.path(&copy), self.folder)?;
        let complete = vec![self.log.events_in(copy.batches)];
        let intact = matches!(kind, Kind::Undamaged | Kind::RollBack);
        let (what, ends) = match kind {
            Kind::Undamaged | Kind::RollBack => (String::new(), complete),
            Kind::FlipMain => (self.change(MAIN, |this, bytes| this.flip(bytes))?, complete),
            Kind::ZeroPages => (self.change(MAIN, |this, bytes| this.zero(bytes))?, complete),
            Kind::RandomPages => (self.change(MAIN, |this, bytes| this.randomise(bytes))?, complete),
            Kind::OtherPages => (self.change(MAIN, |this, bytes| this.replace(bytes))?, complete),
            Kind::OlderPages => (self.older_pages(&copy)?, complete),
            Kind::TruncateMain => self.truncate_main(complete)?,
            Kind::RemoveWal => (self.remove_wal()?, complete),
            Kind::FlipWal => self.change_wal(&copy, |this, bytes| this.flip(bytes))?,
            Kind::WalPages => self.change_wal(&copy, |this, bytes| this.frames(bytes))?,
            Kind::TruncateWal => self.change_wal(&copy, Self::truncate)?,
            Kind::StaleWal => self.of_another_moment(&copy, WAL)?,
            Kind::SwapMain => self.of_another_moment(&copy, MAIN)?,
        };
        let log = self.log.folder.file_name().unwrap_or_default().display();
        Ok(Damaged { what: format!("{log} {}: {} {what}", copy.name, kind.name()), ends, intact })
    }

    fn copy(&mut self, fits: impl Fn(&KnownLog, &FolderCopy) -> bool) -> Result<FolderCopy> {
        let copies: Vec<&FolderCopy> = self.log.copies.iter().filter(|copy| fits(self.log, copy)).collect();
        self.random.choice(copies).cloned().context("there is no such copy")
    }

    /// Changes the bytes of a file. Says what `change` says.
    fn change(&mut self, name: &str, change: fn(&mut Self, &mut Vec<u8>) -> String) -> Result<String> {
        let file = self.folder.join(name);
        let mut bytes = fs::read(&file)?;
        let what = change(self, &mut bytes);
        fs::write(&file, bytes)?;
        Ok(what)
    }

    /// The same with the write-ahead log, whose end may pass as cut off.
    fn change_wal(
        &mut self,
        copy: &FolderCopy,
        change: fn(&mut Self, &mut Vec<u8>) -> String,
    ) -> Result<(String, Vec<usize>)> {
        let before = fs::read(self.folder.join(WAL))?;
        let what = self.change(WAL, change)?;
        let cut_off = wal::may_be_cut_off(&before, &fs::read(self.folder.join(WAL))?);
        Ok((format!("{what}; {cut_off} transactions may be cut off"), self.ends(copy, cut_off)))
    }

    /// Where the log may end if so many transactions are missing at the end of this copy. Each has at most one batch.
    fn ends(&self, copy: &FolderCopy, transactions: usize) -> Vec<usize> {
        let batches = copy.batches.saturating_sub(transactions)..=copy.batches;
        batches.map(|batches| self.log.events_in(batches)).collect()
    }

    /// The whole file, or a page of it.
    fn place(&mut self, bytes: usize) -> Range<usize> {
        let page = match self.random.u8(..4) {
            0 | 1 => return 0..bytes,
            2 => self.random.usize(..FIRST_PAGES),
            _ => self.random.usize(..bytes.div_ceil(PAGE).max(1)),
        };
        let start = (page * PAGE).min(bytes.saturating_sub(PAGE));
        start..(start + PAGE).min(bytes)
    }

    fn flip(&mut self, bytes: &mut [u8]) -> String {
        let (place, count) = (self.place(bytes.len()), 1_usize << self.random.u32(..=6));
        for _ in 0..count {
            let at = self.random.usize(place.clone());
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << self.random.u8(..8);
            }
        }
        format!("({count} bits in {place:?})")
    }

    /// Numbers of some pages.
    fn pages(&mut self, bytes: &[u8]) -> Vec<usize> {
        let pages = bytes.len() / PAGE;
        let count = 1_usize << self.random.u32(..5);
        let page = |_| {
            let among = if self.random.u8(..3) == 0 { pages.min(FIRST_PAGES) } else { pages };
            self.random.usize(..among.max(1))
        };
        let mut chosen: Vec<usize> = (0..count).map(page).collect();
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }

    fn zero(&mut self, bytes: &mut [u8]) -> String {
        let pages = self.pages(bytes);
        for page in &pages {
            overwrite(bytes, page * PAGE, &[0; PAGE]);
        }
        format!("{pages:?}")
    }

    fn randomise(&mut self, bytes: &mut [u8]) -> String {
        let pages = self.pages(bytes);
        for page in &pages {
            overwrite(bytes, page * PAGE, &self.noise());
        }
        format!("{pages:?}")
    }

    fn noise(&mut self) -> [u8; PAGE] {
        let mut noise = [0; PAGE];
        self.random.fill(&mut noise);
        noise
    }

    fn replace(&mut self, bytes: &mut [u8]) -> String {
        let (pages, sources) = (self.pages(bytes), self.pages(bytes));
        let before = bytes.to_owned();
        for (page, source) in pages.iter().zip(sources.iter().cycle()) {
            if let Some(source) = before.get(source * PAGE..(source + 1) * PAGE) {
                overwrite(bytes, page * PAGE, source);
            }
        }
        format!("{pages:?} by {sources:?}")
    }

    /// Some of the pages that an earlier copy had otherwise: at most half of them, because with all of them the log is that copy.
    fn older_pages(&mut self, copy: &FolderCopy) -> Result<String> {
        let older: Vec<&FolderCopy> =
            self.log.copies.iter().take_while(|older| older.name != copy.name).collect();
        let Some(older) = self.random.choice(older) else {
            return Ok("(the first copy has none)".to_owned());
        };
        let (file, old) = (self.folder.join(MAIN), fs::read(self.log.path(older).join(MAIN))?);
        let mut bytes = fs::read(&file)?;
        let both = bytes.chunks_exact(PAGE).zip(old.chunks_exact(PAGE)).enumerate();
        let differ = both.filter(|(_, (new, old))| new != old);
        let mut pages: Vec<usize> = differ.map(|(page, _)| page).collect();
        self.random.shuffle(&mut pages);
        pages.truncate((1 << self.random.u32(..5)).min(pages.len() / 2));
        for page in &pages {
            if let Some(old) = old.get(page * PAGE..(page + 1) * PAGE) {
                overwrite(&mut bytes, page * PAGE, old);
            }
        }
        fs::write(&file, bytes)?;
        Ok(format!("{pages:?} of {}", older.name))
    }

    fn frames(&mut self, bytes: &mut [u8]) -> String {
        let frames = (bytes.len().saturating_sub(wal::HEADER) / wal::FRAME).max(1);
        let count = 1_usize << self.random.u32(..4);
        let mut chosen = Vec::new();
        for _ in 0..count {
            let frame = self.random.usize(..frames);
            let at = |frame| wal::HEADER + frame * wal::FRAME;
            let other = at(self.random.usize(..frames));
            let with = match self.random.u8(..3) {
                0 => vec![0; wal::FRAME],
                1 => self.noise().to_vec(),
                _ => bytes.get(other..other + wal::FRAME).unwrap_or_default().to_vec(),
            };
            let within = if self.random.bool() { 0 } else { self.random.usize(..wal::FRAME) };
            overwrite(bytes, at(frame) + within, &with);
            chosen.push(frame);
        }
        format!("{chosen:?} of {frames}")
    }

    fn truncate(&mut self, bytes: &mut Vec<u8>) -> String {
        let before = bytes.len();
        let length = match self.random.u8(..8) {
            0 => 0,
            1 | 2 => self.random.usize(..=before / PAGE) * PAGE,
            _ => self.random.usize(..=before),
        };
        bytes.truncate(length);
        format!("at {length} of {before} bytes")
    }

    /// Without a byte in it, and without a write-ahead log, a log is one that was never used.
    fn truncate_main(&mut self, mut ends: Vec<usize>) -> Result<(String, Vec<usize>)> {
        let what = self.change(MAIN, Self::truncate)?;
        let length = |name| self.folder.join(name).metadata().map_or(0, |file| file.len());
        if length(MAIN) == 0 && length(WAL) == 0 {
            ends.push(0);
        }
        Ok((what, ends))
    }

    fn remove_wal(&mut self) -> Result<String> {
        fs::remove_file(self.folder.join(WAL))?;
        Ok(String::new())
    }

    /// Replaces a file by that of another copy. The log may end where either of them does.
    fn of_another_moment(&mut self, copy: &FolderCopy, name: &str) -> Result<(String, Vec<usize>)> {
        let fits = |log: &KnownLog, other: &FolderCopy| {
            other.name != copy.name && (name != WAL || has_wal(log, other))
        };
        let other = self.copy(fits)?;
        fs::copy(self.log.path(&other).join(name), self.folder.join(name))?;
        if self.random.bool() && self.folder.join(SHM).exists() {
            fs::remove_file(self.folder.join(SHM))?;
        }
        let mut ends = Vec::new();
        for copy in [copy, &other] {
            let wal = fs::read(self.log.path(copy).join(WAL)).unwrap_or_default();
            ends.extend(self.ends(copy, wal::transactions(&wal).len()));
        }
        Ok((format!("(of {})", other.name), ends))
    }
}

/// Has it transactions that are not in the file yet?
fn has_wal(log: &KnownLog, copy: &FolderCopy) -> bool {
    log.path(copy).join(WAL).metadata().is_ok_and(|file| file.len() > wal::HEADER as u64)
}

/// As far as `bytes` reaches.
fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    for (byte, new) in bytes.iter_mut().skip(at).zip(with) {
        *byte = *new;
    }
}
