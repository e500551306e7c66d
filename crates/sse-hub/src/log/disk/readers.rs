//! Connections that read from the file: a few, in turns.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::frames::{Fetched, Frames, NextPiece, Snapshot};
use super::recent::Recent;
use super::shared::Shared;
use crate::log::index::{Plan, Planned};
use crate::log::newest::Placed;
use crate::log::read::{Page, Read, ReadError};
use crate::selectors::Selectors;
use crate::start::Seek;

/// Reads of the file at the same time. Each has a connection with a cache of 2 MiB.
const READERS: usize = 4;

/// Of these, so many that look through the records of many topics, which takes a core each: publishers have the rest.
const OF_MANY: usize = 1;

/// Pieces that a reader of many topics goes through in one turn: about 65,000 records, 5 ms.
const PIECES_AT_ONCE: usize = 64;

/// Pieces among which the newest records of many topics are looked for: about 260,000 records.
const MOST_PIECES: usize = 256;

/// Most damaged records that the log tells of one by one.
const MAX_TOLD: usize = 1000;

/// To be held as long as a read lasts.
pub(super) type Turn = (Option<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>);

/// Shared by everybody who reads.
#[derive(Debug)]
pub(super) struct Readers {
    file: PathBuf,
    turns: Arc<Semaphore>,
    turns_of_many: Arc<Semaphore>,
    idle: Mutex<Vec<Frames>>,
    recent: Mutex<Recent>,
    /// Seqs of damaged records that were told of.
    damaged: Mutex<HashSet<u64>>,
}

impl Readers {
    /// Readers of this file, all of them open, so that they read on when the process is out of descriptors.
    pub(super) fn open(file: PathBuf) -> rusqlite::Result<Self> {
        let open = |_| {
            let mut connection = Frames::open(&file)?;
            // SQLite opens the write-ahead log at the first read.
            connection.snapshot()?.piece_after(u64::MAX >> 1)?;
            Ok(connection)
        };
        let idle = (0..READERS).map(open).collect::<rusqlite::Result<_>>()?;
        Ok(Self {
            file,
            turns: Arc::new(Semaphore::new(READERS)),
            turns_of_many: Arc::new(Semaphore::new(OF_MANY)),
            idle: Mutex::new(idle),
            recent: Mutex::default(),
            damaged: Mutex::default(),
        })
    }

    /// The page, if all of it is in memory.
    pub(super) fn remembered(&self, planned: Planned) -> Result<Page, Planned> {
        let Planned::Plan(mut plan) = planned else { return Err(planned) };
        self.recent.lock().fill(&mut plan);
        let is_in_memory = plan.wanted.iter().all(|wanted| wanted.record.is_some());
        if is_in_memory { Ok(plan.in_memory()) } else { Err(Planned::Plan(plan)) }
    }

    /// Resolves when a read of these topics may go on, in the order of asking.
    pub(super) async fn turn(&self, selectors: &Selectors) -> Turn {
        // Neither is ever closed.
        let of_many = match selectors.exact().is_some() {
            true => None,
            false => Arc::clone(&self.turns_of_many).acquire_owned().await.ok(),
        };
        (of_many, Arc::clone(&self.turns).acquire_owned().await.ok())
    }

    /// Carries out a plan. What was removed since it was made is planned anew, so that the page says so.
    pub(super) fn fetch(&self, shared: &Shared, read: &Read, planned: Planned) -> Result<Page, ReadError> {
        let page = self.with_connection(|connection| self.carry_out(planned, read, shared, connection))?;
        let mut recent = self.recent.lock();
        page.records.iter().filter(|record| !record.in_memory).for_each(|record| recent.keep(record));
        Ok(page)
    }

    /// As [`Log::seek`](crate::Log::seek), among the records of many topics.
    pub(super) fn seek(&self, shared: &Shared, selectors: &Selectors, seek: Seek) -> Result<u64, ReadError> {
        self.with_connection(|connection| match seek {
            Seek::Earliest => Ok(0),
            Seek::Last(count) => before_last(shared, selectors, count, connection),
            Seek::Since(seconds) => before_since(shared, seconds, connection),
        })
    }

    fn with_connection<T>(
        &self,
        act: impl FnOnce(&mut Frames) -> rusqlite::Result<T>,
    ) -> Result<T, ReadError> {
        let unreadable = |error: rusqlite::Error| ReadError(error.to_string());
        let idle = self.idle.lock().pop();
        let open = || Frames::open(&self.file);
        let mut connection = idle.map_or_else(open, Ok).map_err(unreadable)?;
        let done = act(&mut connection).map_err(unreadable);
        self.idle.lock().push(connection);
        done
    }

    fn carry_out(
        &self,
        mut planned: Planned,
        read: &Read,
        shared: &Shared,
        connection: &mut Frames,
    ) -> rusqlite::Result<Page> {
        loop {
            let snapshot = connection.snapshot()?;
            let plan = match planned {
                Planned::Plan(plan) => plan,
                Planned::NeedsPieces { head } => plan_from_pieces(shared, read, head, &snapshot)?,
            };
            let frames = snapshot.frames(&plan.wanted)?;
            drop(snapshot);
            let planned_ones = plan.wanted.iter().filter(|wanted| wanted.record.is_none());
            let fetched = planned_ones.zip(&frames);
            let is_absent = |frame: &Fetched| matches!(frame, Fetched::Absent);
            let absent = fetched.clone().find(|(_, frame)| is_absent(frame)).map(|(wanted, _)| wanted);
            if let Some(absent) = absent {
                let state = shared.state();
                // Retention may have removed it meanwhile.
                if !state.index.has_record(&absent.topic, absent.seq) {
                    planned = state.index.plan(read);
                    continue;
                }
            }
            for (wanted, frame) in fetched.filter(|(_, frame)| !matches!(frame, Fetched::Frame(_))) {
                let (topic, seq) = (&wanted.topic, wanted.seq);
                let mut told = self.damaged.lock();
                if told.len() < MAX_TOLD && told.insert(seq) {
                    let what = if is_absent(frame) { "missing" } else { "damaged" };
                    tracing::error!(%topic, seq, "a stored event is {what}; its readers are told by a gap");
                }
            }
            return Ok(plan.filled(frames, read.mode));
        }
    }
}

/// Goes through the pieces until the page is full, but not through too many for one turn. Between two of them others can
/// have the index.
fn plan_from_pieces(
    shared: &Shared,
    read: &Read,
    head: u64,
    snapshot: &Snapshot<'_>,
) -> rusqlite::Result<Plan> {
    let mut rest = read.clone();
    let (mut plan, mut pieces): (Option<Plan>, usize) = (None, 0);
    loop {
        pieces += 1;
        let (placed, last) = match snapshot.piece_after(rest.after)? {
            NextPiece::Piece { placed, last } => (placed, last),
            // What comes after the last piece is in memory alone.
            NextPiece::None => (Vec::new(), head),
            NextPiece::Damaged => (shared.state().index.on_disk_after(rest.after), head),
        };
        let to = last.min(head);
        let next = shared.state().index.plan_with(&rest, &placed, to);
        let bytes: u64 = next.wanted.iter().map(|wanted| u64::from(wanted.bytes)).sum();
        let records = next.wanted.len();
        let is_told = next.lost.acknowledged && plan.as_ref().is_some_and(|plan| !plan.wanted.is_empty());
        let (ended, complete_to) = (next.complete_to < to, next.complete_to);
        let plan = match &mut plan {
            // A loss that is behind records is for the page that begins with it.
            Some(plan) if is_told => return Ok(plan.clone()),
            Some(plan) => {
                plan.extend(next);
                plan
            }
            None => plan.insert(next),
        };
        rest.max_records = rest.max_records.saturating_sub(records);
        rest.max_bytes = rest.max_bytes.saturating_sub(bytes);
        let is_full = rest.max_records == 0 || rest.max_bytes == 0 || pieces == PIECES_AT_ONCE;
        if ended || complete_to >= head || is_full {
            return Ok(plan.clone());
        }
        rest.after = complete_to;
    }
}

fn before_last(
    shared: &Shared,
    selectors: &Selectors,
    count: usize,
    connection: &mut Frames,
) -> rusqlite::Result<u64> {
    let mut pieces = 4;
    loop {
        let after = shared.state().index.pieces_last(pieces);
        let mut wanted = Vec::new();
        each_piece_after(shared, &connection.snapshot()?, after, |placed| {
            wanted.extend(shared.state().index.wanted_among(&placed, selectors));
            None::<()>
        })?;
        let before = shared.state().index.before_last_of_many(selectors, count, &wanted);
        if before > after || after == 0 || pieces >= MOST_PIECES {
            return Ok(before.max(after));
        }
        pieces *= 4;
    }
}

fn before_since(shared: &Shared, seconds: u32, connection: &mut Frames) -> rusqlite::Result<u64> {
    let after = shared.state().index.pieces_since(seconds);
    let first = each_piece_after(shared, &connection.snapshot()?, after, |placed| {
        let index = &shared.state().index;
        placed.iter().find(|placed| index.is_since(placed, seconds)).map(|placed| placed.entry.seq)
    })?;
    Ok(shared.state().index.before_since(first, seconds))
}

/// Shows where the records after this seq are, piece by piece, until something is found.
fn each_piece_after<T>(
    shared: &Shared,
    snapshot: &Snapshot<'_>,
    mut after: u64,
    mut find: impl FnMut(Vec<Placed>) -> Option<T>,
) -> rusqlite::Result<Option<T>> {
    loop {
        let (placed, last) = match snapshot.piece_after(after)? {
            NextPiece::Piece { placed, last } => (placed, last),
            NextPiece::None => return Ok(None),
            NextPiece::Damaged => (shared.state().index.on_disk_after(after), u64::MAX >> 1),
        };
        if let Some(found) = find(placed) {
            return Ok(Some(found));
        }
        after = last;
    }
}
