//! Checks everything that the file of a log has, and changes nothing. Repairs nothing: the next start of a server does.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use rusqlite::OptionalExtension as _;
use sse_core::Topic;

use super::checksum::is_damage;
use super::contents::LogContents;
use super::layout::TABLES;
use super::parts::{Folded, Losses, Meta, Part, Segments, StoredEpochs};
use super::read_only::{LogFileError, beside, log_in, read};
use super::scan::{StoredPiece, StoredRecord};
use super::store::{Store, TopicRow, sum_of_record};
use super::wal;
use crate::log::topics::TopicId;

/// Places of one kind that are named.
const MAX_PLACES: usize = 20;
/// How often a write-ahead log is read that changes meanwhile, before it is taken for one in use.
const WAL_TRIES: usize = 3;
/// Most lines that SQLite has of its own check.
const QUICK_CHECK: &str = "PRAGMA quick_check(1000)";

/// What was found in the file of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogCheck {
    /// What is there and whole.
    pub contents: LogContents,
    /// What is not, by kind; empty if the log is whole.
    pub damages: Vec<Damage>,
}

/// What is damaged of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// A name of the kind, such as "records".
    pub what: &'static str,
    /// What the server does about it.
    pub effect: &'static str,
    /// Where, the first 20.
    pub places: Vec<String>,
    /// How many places there are.
    pub count: u64,
}

/// What can be damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    WriteAheadLog,
    Database,
    Parts,
    Topics,
    Gone,
    Keys,
    Pieces,
    Records,
}

impl Kind {
    fn what(self) -> &'static str {
        match self {
            Self::WriteAheadLog => "write-ahead log",
            Self::Database => "database",
            Self::Parts => "parts",
            Self::Topics => "topics",
            Self::Gone => "gone topics",
            Self::Keys => "idempotency keys",
            Self::Pieces => "pieces",
            Self::Records => "records",
        }
    }

    fn effect(self) -> &'static str {
        match self {
            Self::WriteAheadLog => "the next start stores a loss at the end; readers that pass it get a gap",
            Self::Database => "readers get a gap where records cannot be read",
            Self::Parts => "the next start takes what they said for lost; readers from before get a gap",
            Self::Topics => {
                "the next start begins the table anew; readers get a gap for records without a topic"
            }
            Self::Gone => {
                "the next start begins the table anew; readers of topics that are not there get a gap"
            }
            Self::Keys => "the next start begins the table anew; what is sent again may be stored twice",
            Self::Pieces => {
                "the next start looks for the records; readers get a gap where there may have been others"
            }
            Self::Records => "they are left out; readers get a gap there",
        }
    }
}

/// Checks the log in a folder, while a server runs or not, as of one moment. Blocks.
///
/// # Errors
/// Why it cannot be read at all.
pub fn verify_log(folder: &Path) -> Result<LogCheck, LogFileError> {
    verify_file(&log_in(folder)?)
}

/// Checks a backup, or the file of a log. Blocks.
///
/// # Errors
/// Why it cannot be read at all.
pub fn verify_file(file: &Path) -> Result<LogCheck, LogFileError> {
    read(file, |store| {
        let mut check = Check::new(store);
        check.all(file).map_err(|error| LogFileError::unreadable(file, &error))?;
        check.write_ahead_log(file)?;
        let topics = check.topics.values().filter(|topic| !topic.name.is_empty()).count() as u64;
        let contents = LogContents::of(store, file, check.events, topics)?;
        Ok(LogCheck { contents, damages: check.damages.into_values().collect() })
    })
}

struct Check<'a> {
    store: &'a Store,
    damages: BTreeMap<Kind, Damage>,
    meta: Option<Meta>,
    topics: HashMap<TopicId, TopicRow>,
    /// The seq after the last piece.
    next: u64,
    events: u64,
}

impl<'a> Check<'a> {
    fn new(store: &'a Store) -> Self {
        let (damages, topics) = (BTreeMap::new(), HashMap::new());
        Self { store, damages, meta: None, topics, next: 1, events: 0 }
    }

    fn found(&mut self, kind: Kind, place: impl Into<String>) {
        let (what, effect) = (kind.what(), kind.effect());
        let none = || Damage { what, effect, places: Vec::new(), count: 0 };
        let damage = self.damages.entry(kind).or_insert_with(none);
        damage.count += 1;
        if damage.places.len() < MAX_PLACES {
            damage.places.push(place.into());
        }
    }

    fn all(&mut self, file: &Path) -> rusqlite::Result<()> {
        let _snapshot = self.store.0.unchecked_transaction()?;
        self.tables()?;
        self.database()?;
        self.meta = self.part::<Meta>()?;
        self.part::<StoredEpochs>()?;
        self.part::<Losses>()?;
        self.part::<Segments>()?;
        self.part::<Folded>()?;
        if self.meta.is_some_and(|meta| !meta.clean && !meta.backup) && !beside(file, "-wal").exists() {
            self.found(Kind::WriteAheadLog, "it is missing, after a server that was not stopped");
        }
        self.topics()?;
        if self.store.gone()?.is_none() {
            self.found(Kind::Gone, "a row is damaged or cannot be read");
        }
        if self.store.keys()?.is_none() {
            self.found(Kind::Keys, "a row is damaged or cannot be read");
        }
        self.pieces()
    }

    /// Without a table no server starts.
    fn tables(&self) -> rusqlite::Result<()> {
        let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?";
        for (table, _) in TABLES {
            if self.store.0.query_row(sql, [table], |_| Ok(())).optional()?.is_none() {
                let why =
                    format!("it has no table `{table}`, and no server starts with it; restore a backup");
                return Err(super::store::unusable(&why));
            }
        }
        Ok(())
    }

    fn database(&mut self) -> rusqlite::Result<()> {
        let read = || -> rusqlite::Result<Vec<String>> {
            self.store.0.prepare(QUICK_CHECK)?.query_map([], |row| row.get(0))?.collect()
        };
        let lines = match read() {
            Err(error) if is_damage(&error) => vec![error.to_string()],
            lines => lines?,
        };
        for line in lines.iter().flat_map(|lines| lines.lines()) {
            if line != "ok" && !line.starts_with("***") {
                self.found(Kind::Database, line);
            }
        }
        Ok(())
    }

    fn part<P: Part>(&mut self) -> rusqlite::Result<Option<P>> {
        let part = self.store.part::<P>()?;
        if part.is_none() {
            self.found(Kind::Parts, format!("{} is damaged or missing", P::NAME));
        }
        Ok(part)
    }

    fn topics(&mut self) -> rusqlite::Result<()> {
        let (store, mut names) = (self.store, HashSet::new());
        let damages = store.each_topic(|row| {
            let name = &row.name;
            if !name.is_empty() && (Topic::new(name.as_str()).is_err() || !names.insert(name.clone())) {
                self.found(Kind::Topics, format!("number {}: {name:?} is no name, or twice there", row.id));
            }
            self.topics.insert(row.id, row);
        })?;
        for after in damages {
            self.found(Kind::Topics, format!("numbers from {} on are damaged", after + 1));
        }
        Ok(())
    }

    fn pieces(&mut self) -> rusqlite::Result<()> {
        let (store, mut failed) = (self.store, Ok(()));
        store.each_piece(|piece| {
            if failed.is_ok() {
                failed = self.piece(piece);
            }
        })?;
        failed?;
        let newest = store.newest_record()?;
        if newest >= self.next { self.hole(newest) } else { Ok(()) }
    }

    fn piece(&mut self, StoredPiece { first, last, placed, .. }: StoredPiece) -> rusqlite::Result<()> {
        let next = self.next;
        if first > next {
            self.hole(first - 1)?;
        } else if first < next {
            self.found(Kind::Pieces, format!("seqs {first} to {}: they are in two", last.min(next - 1)));
        }
        let mut expected = BTreeMap::new();
        for placed in placed {
            let seq = placed.entry.seq;
            match self.topics.get(&placed.topic) {
                _ if !(self.next..=last).contains(&seq) => {}
                Some(topic) if seq <= topic.since.max(topic.removed) => {}
                Some(topic) if !topic.name.is_empty() => drop(expected.insert(seq, placed.topic)),
                _ => self.found(
                    Kind::Records,
                    format!("seq {seq}: there is no topic with its number {}", placed.topic),
                ),
            }
        }
        self.next = self.next.max(last + 1);
        self.records(first.max(next), last, Some(expected))
    }

    /// No piece that can be read has the seqs up to this one.
    fn hole(&mut self, last: u64) -> rusqlite::Result<()> {
        let first = self.next;
        self.found(Kind::Pieces, format!("seqs {first} to {last}: damaged or missing"));
        self.next = last + 1;
        self.records(first, last, None)
    }

    /// Checks the records with these seqs: those that are expected, or all that are there.
    fn records(
        &mut self,
        first: u64,
        last: u64,
        mut expected: Option<BTreeMap<u64, TopicId>>,
    ) -> rusqlite::Result<()> {
        let store = self.store;
        store.each_record(first, last, |record| {
            let StoredRecord { seq, topic, time, expires, ref frame, sum } = record;
            let known = self.topics.get(&topic).filter(|row| seq > row.since.max(row.removed));
            let is_expected = match &mut expected {
                // What is in no piece is about to be purged.
                Some(expected) if !expected.contains_key(&seq) => return,
                Some(expected) => expected.remove(&seq) == Some(topic),
                None => known.is_some(),
            };
            let checks =
                known.is_some_and(|topic| sum == sum_of_record(seq, &topic.name, time, expires, frame));
            if is_expected && checks {
                self.events += 1;
            } else if known.is_some() || expected.is_some() {
                self.found(Kind::Records, format!("seq {seq}: it is not what was stored"));
            }
        })?;
        for (seq, topic) in expected.unwrap_or_default() {
            let name = self.topics.get(&topic).map_or("", |topic| &topic.name);
            self.found(Kind::Records, format!("seq {seq}, topic {name}: missing, or it cannot be read"));
        }
        Ok(())
    }

    fn write_ahead_log(&mut self, file: &Path) -> Result<(), LogFileError> {
        let wal = beside(file, "-wal");
        let unreadable = |error| LogFileError::io("read", &wal, &error);
        // A server that writes to it now is no damage.
        for _ in 0..WAL_TRIES {
            let changed = || wal.metadata().ok().map(|wal| (wal.len(), wal.modified().ok()));
            let before = changed();
            if before.is_none() || !wal::inspect(&wal).map_err(unreadable)?.is_damaged {
                return Ok(());
            }
            if wal::inspect(&wal).map_err(unreadable)?.is_damaged && changed() == before {
                self.found(Kind::WriteAheadLog, "it is damaged before its last transaction");
                return Ok(());
            }
        }
        Ok(())
    }
}
