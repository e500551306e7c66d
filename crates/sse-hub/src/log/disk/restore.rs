//! Builds the index from the file when a log is opened, and begins its epoch.

mod pieces;

use std::collections::{BTreeSet, HashMap};

use sse_core::Topic;

use super::checkpoints::Begun;
use super::parts::{Folded, Losses, Meta, Segments, StoredEpochs};
use super::store::{RowState, Store, TopicRow, Write};
use crate::log::epochs::{Epochs, MAX_EPOCHS, PastEpoch};
use crate::log::index::Index;
use crate::log::log_time::{LogTime, Reading};
use crate::log::newest::Placed;
use crate::log::topics::TopicId;
use crate::policy::Policies;

/// Most places of loss that are kept apart; a reader that is behind an older one is told of a gap at its start.
const MAX_LOSSES: usize = 1000;
/// How far seqs go on when it is not known how far they were reserved.
const RESERVED_UNKNOWN: u64 = 1 << 32;

/// What is known of a log that was just opened.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) meta: Meta,
    pub(super) epochs: Epochs,
    /// See [`Log::durable_head`](crate::Log::durable_head).
    pub(super) durable_head: u64,
    pub(super) index: Index,
    pub(super) repairs: Repairs,
}

/// What has to be written to the file, so that it is whole again.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    /// Rows of topics that differ from those in the file.
    pub(super) topics: Vec<TopicRow>,
    /// Records of topics that are gone, to be removed, and the numbers of these topics with the seqs up to which they had any.
    pub(super) leaving: HashMap<TopicId, Vec<u64>>,
    pub(super) gone: Vec<(TopicId, u64)>,
    /// Tables that are to be begun anew.
    pub(super) tables: Vec<&'static str>,
    /// All pieces, if theirs is: first seq, last seq, records.
    pub(super) pieces: Vec<(u64, u64, Vec<Placed>)>,
    /// A new write-ahead log begins with this start.
    pub(super) begun: Option<Begun>,
}

impl Repairs {
    pub(super) fn write(&self, write: &Write<'_>, start: u32) -> rusqlite::Result<()> {
        self.tables.iter().try_for_each(|table| write.begin_anew(table))?;
        self.topics.iter().try_for_each(|row| write.put_topic(row))?;
        self.begun.iter().try_for_each(|begun| write.set_part(begun))?;
        let mut pieces = self.pieces.iter();
        pieces.try_for_each(|(first, last, placed)| {
            write.put_piece(*first, *last, start, placed.iter().copied())
        })
    }
}

/// What the file has of a topic's number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Number {
    /// Nothing that can be read.
    #[default]
    Unknown,
    /// Records up to this seq are of an earlier topic.
    Known { since: u64, is_free: bool, volatile: bool, is_leaving: bool },
}

/// A file that is being read.
struct Restore<'a> {
    store: &'a Store,
    meta: Meta,
    index: Index,
    /// Kept ones that the index is still to be given.
    records: Vec<Placed>,
    /// By number of the topic.
    numbers: Vec<Number>,
    newest_removed: u64,
    /// The newest record that was found: seq, and time in milliseconds.
    newest: Option<(u64, u64)>,
    losses: Vec<u64>,
    /// The last of the losses is of records that follow each other, up to the one that was read last.
    in_loss: bool,
    /// Records of topics that are gone, and are still there.
    leaving: HashMap<TopicId, Vec<u64>>,
    /// Which start of the log has stored the newest piece.
    newest_start: u32,
    /// Seq of the record that was read last.
    last: u64,
    /// Epochs of records that were found one by one.
    epochs: BTreeSet<u64>,
    repairs: Repairs,
}

/// Reads everything but the frames. `lost`: acknowledged records may be missing at the end.
///
/// Records in memory are gone. After a clean stop it is known which seqs they had; after a kill only that these
/// are at most the reserved ones, so for a reader of such a topic everything before is lost.
pub(super) fn restore(store: &Store, policies: Policies, lost: bool) -> rusqlite::Result<Restored> {
    let meta = store.part::<Meta>()?;
    let lost = lost || meta.is_none();
    let meta = meta.unwrap_or_default();
    let mut restore = Restore {
        store,
        meta,
        index: Index::new(policies, meta.reserved),
        records: Vec::new(),
        numbers: Vec::new(),
        newest_removed: 0,
        newest: None,
        losses: Vec::new(),
        in_loss: false,
        leaving: HashMap::new(),
        newest_start: 0,
        last: 0,
        epochs: BTreeSet::new(),
        repairs: Repairs::default(),
    };
    restore.topics()?;
    restore.pieces()?;
    restore.gone()?;
    restore.rest(lost)
}

impl Restore<'_> {
    fn topics(&mut self) -> rusqlite::Result<()> {
        self.index.reserve_topics(self.store.topic_count().min(1 << 24));
        let Self { index, numbers, newest_removed, .. } = self;
        let damaged = self.store.each_topic(|TopicRow { id, name, since, removed, volatile, state }| {
            let at = id as usize;
            let is_free = name.is_empty();
            let known =
                is_free || Topic::new(name).is_ok_and(|topic| index.restore_topic(id, topic, since, removed));
            if known && state == RowState::Closed {
                index.restore_end(id);
            }
            if known {
                numbers.resize(numbers.len().max(at + 1), Number::Unknown);
                if let Some(number) = numbers.get_mut(at) {
                    let is_leaving = state == RowState::Leaving;
                    *number = Number::Known { since, is_free, volatile, is_leaving };
                }
                *newest_removed = (*newest_removed).max(removed).max(if is_free { since } else { 0 });
            }
        })?;
        // A number without a row may never have been stored. If it was, pieces name it.
        if !damaged.is_empty() {
            self.begin_anew("topics");
        }
        Ok(())
    }

    fn begin_anew(&mut self, table: &'static str) {
        tracing::error!(table, "a table of the log is damaged; it is begun anew with what can be read of it");
        self.repairs.tables.push(table);
    }

    fn gone(&mut self) -> rusqlite::Result<()> {
        let (gone, folded) = (self.store.gone()?, self.store.part::<Folded>()?);
        let is_damaged = gone.is_none() || folded.is_none();
        if gone.is_none() {
            self.begin_anew("gone");
        }
        let removals = self.index.removals();
        removals.begin();
        for (segment, seq) in folded.unwrap_or_default().0 {
            removals.fold(&segment, seq);
            self.newest_removed = self.newest_removed.max(seq);
        }
        for (topic, seq) in gone.unwrap_or_default() {
            if let Ok(topic) = Topic::new(topic) {
                removals.topic_gone(&topic, seq);
                self.newest_removed = self.newest_removed.max(seq);
            }
        }
        if is_damaged {
            self.fold_all();
        }
        Ok(())
    }

    /// Whoever stands before the end of the log may have lost something.
    fn fold_all(&mut self) {
        let end = self.index.pieces().next() - 1;
        self.index.removals().fold("", end);
        self.newest_removed = self.newest_removed.max(end);
    }

    fn rest(mut self, lost: bool) -> rusqlite::Result<Restored> {
        let (store, mut meta) = (self.store, self.meta);
        let stored = store.part::<StoredEpochs>()?.unwrap_or_default();
        // What the parts say is older than what was stored.
        let is_older = self.newest_start > meta.starts
            || self.index.pieces().next() > meta.reserved + 1
            || self.index.pieces().next() <= meta.stored_to
            || self.newest_removed > self.index.head()
            || self.epochs.iter().any(|epoch| stored.0.iter().all(|known| known.epoch != *epoch));
        let lost = lost || is_older;
        if is_older || (meta.reserved == 0 && lost) {
            let head = self.index.head();
            self.index.move_head(head + RESERVED_UNKNOWN);
            meta = Meta { clean: false, starts: meta.starts.max(self.newest_start), ..meta };
        }
        let known_losses = store.part::<Losses>()?;
        if known_losses.is_none() {
            self.fold_all();
        }
        let mut losses = known_losses.unwrap_or_default().0;
        if !self.losses.is_empty() {
            tracing::error!(
                places = self.losses.len(),
                "events are missing; readers that pass them are told by a gap"
            );
        }
        losses.append(&mut self.losses);
        losses.sort_unstable();
        losses.dedup();
        let on_disk = losses.last().copied().unwrap_or(0).max(self.index.pieces().next() - 1);
        let mut durable_head = on_disk.max(self.newest_removed);
        let volatile = self.volatile();
        if meta.clean {
            durable_head = durable_head.max(meta.reserved);
        } else {
            let head = self.index.head();
            volatile.iter().for_each(|id| self.index.set_removed(*id, head));
        }
        let mut index = self.index;
        restore_losses(&mut index, losses);
        let knows_all_ids = meta.clean || (volatile.is_empty() && !lost);
        let stored = if is_older { StoredEpochs::default() } else { stored };
        let mut past = ended(stored.ended(durable_head), knows_all_ids);
        include_losses(&mut past, index.losses());
        if lost {
            durable_head = index.head() + 1;
            index.add_loss(durable_head);
        }
        // A loss has the first seq for itself.
        let epochs = Epochs::after(past, if lost { index.head() } else { index.head() + 1 });
        *index.log_time() = LogTime::with_segments(store.part::<Segments>()?.unwrap_or_default().0);
        let next = index.head() + 1;
        index.log_time().start(self.newest, next, Reading::now());
        if !restore_keys(store, &mut index)? {
            self.repairs.tables.push("keys");
        }
        index.restored(self.repairs.gone.iter().map(|(id, _)| *id));
        self.repairs.leaving = self.leaving;
        Ok(Restored { meta, epochs, durable_head, index, repairs: self.repairs })
    }

    /// The topics that were in memory. Notes which rows have to be written.
    fn volatile(&mut self) -> Vec<TopicId> {
        let (mut volatile_ones, head) = (Vec::new(), self.index.head());
        let all = self.repairs.tables.contains(&"topics");
        for (id, number) in (0..).zip(&self.numbers) {
            match (*number, self.index.topic(id)) {
                (Number::Known { since, is_leaving: true, .. }, None) => self.repairs.gone.push((id, since)),
                (Number::Known { volatile, .. }, Some(topic)) => {
                    if volatile {
                        volatile_ones.push(id);
                    }
                    if all || volatile != topic.is_in_memory() {
                        let removed = if volatile { head } else { topic.removed };
                        self.repairs.topics.push(TopicRow::of(id, topic, removed));
                    }
                }
                (Number::Known { since, .. }, None) if all => {
                    self.repairs.topics.push(TopicRow { id, since, ..TopicRow::default() });
                }
                (Number::Unknown, _) => {
                    self.repairs.topics.push(TopicRow { id, since: head, ..TopicRow::default() });
                }
                _ => {}
            }
        }
        volatile_ones
    }
}

/// The epochs worth keeping: the first, and of the others those that have given out ids, as far as there are not too many.
fn ended(mut epochs: Vec<PastEpoch>, knows_all_ids: bool) -> Vec<PastEpoch> {
    if knows_all_ids && epochs.len() > 1 {
        epochs.pop_if(|epoch| epoch.last < epoch.first);
    }
    let too_many = (epochs.len() + 1).saturating_sub(MAX_EPOCHS);
    epochs.drain(..too_many);
    epochs
}

/// A place behind a loss is one of the epoch in which that is, so that a reader gets past it.
fn include_losses(epochs: &mut [PastEpoch], losses: &[u64]) {
    let nexts: Vec<u64> = epochs.iter().skip(1).map(|epoch| epoch.first).chain([u64::MAX]).collect();
    for (epoch, next) in epochs.iter_mut().zip(nexts) {
        let before_next = losses.partition_point(|loss| *loss < next);
        let newest = before_next.checked_sub(1).and_then(|nth| losses.get(nth)).copied().unwrap_or(0);
        if newest >= epoch.first {
            epoch.last = epoch.last.max(newest);
        }
    }
}

/// `false` when some of them are damaged.
fn restore_keys(store: &Store, index: &mut Index) -> rusqlite::Result<bool> {
    let keys = store.keys()?;
    let are_whole = keys.is_some();
    if !are_whole {
        tracing::error!("idempotency keys are damaged; what is sent again may be stored twice");
    }
    for (key, receipt, time) in keys.unwrap_or_default() {
        index.keys().insert(key.into(), receipt, time);
    }
    Ok(are_whole)
}

fn restore_losses(index: &mut Index, losses: Vec<u64>) {
    let folded = losses.len().saturating_sub(MAX_LOSSES - 1);
    let (old, kept) = losses.split_at(folded);
    if let Some(newest) = old.last() {
        index.removals().fold("", *newest);
    }
    kept.iter().for_each(|seq| index.add_loss(*seq));
}
