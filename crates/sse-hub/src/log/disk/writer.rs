//! The writing thread: group commit.
//!
//! An fsync takes as long for one record as for a thousand, so the thread never syncs for one publisher alone while
//! others wait. It takes the first request from the queue, then without waiting whatever else has come in, up to
//! [`GROUP_RECORDS`] or [`GROUP_BYTES`]: that is the group. Under load a group is what arrived during the fsync before it,
//! so throughput grows with the number of publishers while a lone one waits for nobody.
//!
//! A group goes through four steps. Sequence: each batch gets its seqs, unless its idempotency key is known. Store: one
//! SQLite transaction with everything that needs the disk, the rows due for purging, and one fsync. Publish: under the
//! index's lock the records become readable and go to the tails. Answer: every publisher gets its receipt. So a record is
//! durable before it is visible, and visible before it is acknowledged. A batch that is only in memory rides along
//! without a transaction. If storing fails nobody has seen anything: the seqs are assigned again to the next group; only
//! after a failed fsync, when nobody can say what is in the file, the thread takes no more until a restart has looked.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::checkpoints::Checkpoints;
use super::files::Files;
use super::frames::Frames;
use super::free_space::FreeSpace;
use super::group::{Append, Request, SequencedBatch, changed_topics, insert, placed};
use super::parts::{Folded, Losses, Meta, Segments, StoredEpochs};
use super::purge::PurgeQueue;
use super::restore::Repairs;
use super::shared::Shared;
use super::store::{Store, TopicRow};
use crate::log::append::{AppendError, AppendReceipt};
use crate::log::log_time::Reading;
use crate::log::record::{Record, RecordBatch};
use crate::log::topic_index::Totals;
use crate::log::topics::TopicId;

/// Records in a group, after which no further batch is added to it.
const GROUP_RECORDS: usize = 4096;
/// Bytes of frames in a group, after which no further batch is added to it.
const GROUP_BYTES: usize = 8 << 20;
/// How often records are looked at that are too old.
const TICK: Duration = Duration::from_secs(1);
/// Seqs reserved at a time for records in memory.
const RESERVED: u64 = 100_000;

/// The state of the writing thread.
pub(super) struct Writer {
    pub(super) store: Store,
    pub(super) shared: Arc<Shared>,
    pub(super) meta: Meta,
    pub(super) checkpoints: Checkpoints,
    /// See [`Self::bind`].
    pub(super) is_bound: bool,
    pub(super) purge_queue: PurgeQueue,
    pub(super) free_space: FreeSpace,
    pub(super) files: Files,
    /// Batches refused since the store could last be written.
    pub(super) refused: u64,
}

impl Writer {
    /// Takes over the store, begins its epoch, marks it as in use, repairs it, and finds what the policies do not keep any
    /// more.
    pub(super) fn new(
        mut store: Store,
        shared: Arc<Shared>,
        meta: Meta,
        repairs: Repairs,
        free_space: FreeSpace,
        files: [PathBuf; 2],
    ) -> io::Result<Self> {
        let checkpoints =
            Checkpoints::start(&mut store, &files[0], files[1].clone()).map_err(io::Error::other)?;
        let meta = {
            let index = &mut shared.state().index;
            let reserved = index.head() + RESERVED;
            let stored_to = index.pieces().next() - 1;
            let meta = Meta { reserved, clean: false, stored_to, starts: meta.starts + 1, backup: false };
            store
                .commit(|write| {
                    repairs.write(write, meta.starts)?;
                    write.prepare_mark()?;
                    write.set_part(&StoredEpochs::of(&shared.epochs))?;
                    write.set_part(&Losses(index.losses().to_vec()))?;
                    write.set_part(&Folded::of(index))?;
                    write.set_part(&meta)
                })
                .map_err(io::Error::other)?;
            meta
        };
        let files = Files::of(files)?;
        let mut purge_queue = PurgeQueue::default();
        let mut leaving = repairs.leaving;
        for (id, seq) in repairs.gone {
            purge_queue.add_topic(id, leaving.remove(&id).unwrap_or_default(), seq);
        }
        let mut writer = Self {
            store,
            shared,
            meta,
            checkpoints,
            is_bound: false,
            purge_queue,
            free_space,
            files,
            refused: 0,
        };
        writer.bind();
        writer.look_at_space();
        writer.expire_all();
        Ok(writer)
    }

    /// Moves what the start has written into the main file, so that whoever gets that alone can tell that it was not all, and which
    /// write-ahead log belongs to it. On a full disk it has to wait; nothing is stored before.
    pub(super) fn bind(&mut self) -> bool {
        let has_room = self.free_space.has_room_for(self.files.write_ahead_log());
        if !self.is_bound && has_room {
            let bound = self.checkpoints.bound();
            let noted = self.store.commit(|write| bound.map_or(Ok(()), |bound| write.set_part(&bound)));
            self.is_bound = noted.is_ok() && self.move_all_but_the_mark().unwrap_or(false);
        }
        self.is_bound
    }

    /// Moves the write-ahead log into the main file up to here. A mark stays in it, so that it is never empty while the log is in use,
    /// not even for a moment in which the power may go.
    fn move_all_but_the_mark(&mut self) -> rusqlite::Result<bool> {
        if !self.store.is_marked()? {
            // Its page has to be in the main file first.
            self.store.checkpoint()?;
            return Ok(self.store.commit(|write| write.mark()).is_ok());
        }
        let (file, pages) = (self.files.main().to_owned(), self.checkpoints.pages());
        let mut reader = Frames::open(&file)?;
        let snapshot = reader.snapshot()?;
        // From here on it reads, and what comes after is not moved. Nor would an older version of the same page be: the mark has a
        // page of its own.
        snapshot.piece_after(u64::MAX >> 1)?;
        let is_marked = self.store.commit(|write| write.mark()).is_ok();
        let is_moved = is_marked && self.store.checkpoint_before_readers()? >= pages;
        drop(snapshot);
        // SQLite leaves that to the checkpoint that moves all.
        let main = OpenOptions::new().write(true).open(file);
        Ok(is_moved && main.and_then(|main| main.sync_all()).is_ok())
    }

    /// Works until all senders are gone, then leaves the store clean.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    Some(Request::Append(first)) => self.work(first, &mut requests),
                    Some(Request::Change(change)) => self.change(change),
                    None => return self.close(),
                },
                _ = ticks.tick() => {
                    self.look_at_space();
                    self.expire();
                    // Only now and then, because each purge costs an fsync that a publisher would wait for;
                    // under load the groups take care of it.
                    while requests.is_empty() && self.purge_while_idle() {}
                }
            }
        }
    }

    /// Appends this request and those that wait behind it.
    fn work(&mut self, first: Append, requests: &mut mpsc::Receiver<Request>) {
        let (mut records, mut bytes) = first.size();
        let (mut group, mut change) = (vec![first], None);
        while records < GROUP_RECORDS
            && bytes < GROUP_BYTES
            && let Ok(request) = requests.try_recv()
        {
            let request = match request {
                Request::Append(request) => request,
                Request::Change(next) => {
                    change = Some(next);
                    break;
                }
            };
            let (more_records, more_bytes) = request.size();
            (records, bytes) = (records + more_records, bytes + more_bytes);
            group.push(request);
        }
        // A key that comes twice in a group is answered once the first of the two is stored, and what comes after the end
        // of a topic once that is.
        while !group.is_empty() {
            let (mut keys, mut is_closed) = (HashSet::new(), false);
            let is_new = |request: &Append| {
                let is_new = !is_closed && request.batch.key.clone().is_none_or(|key| keys.insert(key));
                is_closed |= request.batch.drafts.iter().any(|draft| draft.closes);
                is_new
            };
            let (now, later) = group.into_iter().partition(is_new);
            self.append(now);
            group = later;
        }
        if let Some(change) = change {
            self.change(change);
        }
    }

    fn append(&mut self, group: Vec<Append>) {
        let now = Reading::now();
        let group = self.assign_seqs(group, now);
        let Err(error) = self.store(&group, now) else {
            if group.iter().any(|batch| batch.on_disk) {
                self.tell_recovered();
            }
            return self.publish(group, now);
        };
        // Once, and not for each group of a publisher that does not give up.
        if self.refused == 0 {
            tracing::error!(%error, "events are refused");
        }
        {
            let topics = group.iter().flat_map(|batch| &batch.records).map(|record| record.topic_id);
            let index = &mut self.shared.state().index;
            topics.rev().for_each(|id| index.forget_unused(id));
        }
        // What is in memory alone does not need the disk and gets new seqs. But if the old ones may be in the
        // file, they cannot be given out again before a restart has settled that.
        let usable = self.failed().is_none();
        let (refused, in_memory): (Vec<_>, Vec<_>) =
            group.into_iter().partition(|batch| batch.on_disk || !usable);
        self.refused += refused.len() as u64;
        refused.into_iter().for_each(|batch| batch.request.answer(Err(error.clone())));
        let in_memory = self.assign_seqs(in_memory.into_iter().map(|batch| batch.request).collect(), now);
        match self.store(&in_memory, now) {
            Ok(()) => self.publish(in_memory, now),
            Err(error) => in_memory.into_iter().for_each(|batch| batch.request.answer(Err(error.clone()))),
        }
    }

    /// Gives each batch its seqs; answers those that are known already or cannot be.
    fn assign_seqs(&mut self, group: Vec<Append>, now: Reading) -> Vec<SequencedBatch> {
        let mut state = self.shared.state();
        let index = &mut state.index;
        index.look_at_time(now);
        self.purge_queue.add_keys(index.expire_keys(now));
        let mut head = index.head();
        let (mut sequenced, epoch) = (Vec::with_capacity(group.len()), self.shared.epochs.current());
        let mut waiting = Totals::default();
        for request in group {
            if let Some(known) = request.batch.key.as_deref().and_then(|key| index.keys().get(key)) {
                request.answer(Ok(known));
                continue;
            }
            if let Some(known) = index.known_end(&request.batch.drafts) {
                request.answer(Ok(known));
                continue;
            }
            match index.assign_seqs(&request.batch.drafts, epoch, head, now, &mut waiting) {
                Ok(records) => {
                    head += records.len() as u64;
                    let is_stored =
                        |record: &Record| index.topic(record.topic_id).is_some_and(|topic| topic.is_stored);
                    let on_disk = records.iter().any(|record| !record.in_memory || !is_stored(record));
                    sequenced.push(SequencedBatch { request, records, on_disk });
                }
                Err(error) => request.answer(Err(error)),
            }
        }
        sequenced
    }

    /// Makes the group as durable as its topics ask for. On `Err` nothing was stored.
    fn store(&mut self, group: &[SequencedBatch], now: Reading) -> Result<(), AppendError> {
        let needs_disk = group.iter().any(|batch| batch.on_disk);
        self.check_writable(needs_disk)?;
        let last = group.iter().flat_map(|batch| &batch.records).last().map_or(0, |record| record.seq);
        let reserved = if last > self.meta.reserved { last + RESERVED } else { self.meta.reserved };
        if reserved == self.meta.reserved && !needs_disk {
            return Ok(());
        }
        let (meta, placed) = (Meta { reserved, ..self.meta }, placed(group));
        let count: usize = group.iter().map(|batch| batch.records.len()).sum();
        let mut state = self.shared.state();
        let index = &mut state.index;
        let (key_time, segments) = index.log_time_to_store(now);
        let segments = segments.map(Segments);
        let topics = changed_topics(group, index);
        let (purge, first) = (self.purge_queue.with_group(count, index), index.pieces().next());
        drop(state);
        let (mut merged, to_note) = (None, self.checkpoints.to_note());
        let committed = self.store.commit(|write| {
            // First, because a key that was forgotten may be used again in this group.
            merged = self.purge_queue.write(&purge, write, &self.shared)?;
            for row in &topics {
                write.put_topic(row)?;
                write.delete_gone(&row.name)?;
            }
            let mut inserts = write.inserts()?;
            group.iter().try_for_each(|batch| insert(write, &mut inserts, batch, key_time))?;
            drop(inserts);
            if !placed.is_empty() {
                write.put_piece(first, last, meta.starts, placed.iter().copied())?;
            }
            segments.as_ref().map_or(Ok(()), |segments| write.set_part(segments))?;
            to_note.map_or(Ok(()), |bound| write.set_part(&bound))?;
            if meta.reserved != self.meta.reserved { write.set_part(&meta) } else { Ok(()) }
        });
        let mut state = self.shared.state();
        if committed.is_err() && segments.is_some() {
            state.index.log_time().set_changed();
        }
        if committed.is_ok() {
            topics.iter().for_each(|row| state.index.set_stored(row.id));
            self.purge_queue.written(&purge, merged, &mut state.index);
            if let Some(start) = placed.first() {
                let count = u32::try_from(placed.len()).unwrap_or(u32::MAX);
                state.index.add_piece(last, count, Some(start.entry));
            }
            self.meta = meta;
        }
        drop(state);
        let fsync = committed.map_err(|error| self.failure(error))?;
        self.shared.groups().fsync.add_time(fsync);
        self.checkpoints.committed(to_note, &self.store);
        Ok(())
    }

    /// Makes the group readable, gives it to the tails, answers.
    fn publish(&mut self, group: Vec<SequencedBatch>, now: Reading) {
        if group.is_empty() {
            return;
        }
        let published = group.iter().map(|batch| batch.request.published).min();
        let published = published.unwrap_or_else(Instant::now);
        let mut state = self.shared.state();
        let records: Vec<Arc<Record>> = group.iter().flat_map(|batch| &batch.records).cloned().collect();
        records.iter().for_each(|record| state.index.push(record, now));
        self.shared.set_closes(state.index.closes());
        let mut topics: Vec<TopicId> = records.iter().map(|record| record.topic_id).collect();
        topics.sort_unstable();
        topics.dedup();
        self.purge_queue.add_records(state.index.expire(topics, now));
        let answers: Vec<(Append, AppendReceipt)> = group
            .into_iter()
            .map(|SequencedBatch { request, records, .. }| {
                let first = records.first().map_or(0, |record| record.seq);
                let receipt = AppendReceipt { first, count: records.len() as u64, repeated: false };
                if let Some(key) = &request.batch.key {
                    state.index.insert_key(Arc::from(&**key), receipt, now);
                }
                (request, receipt)
            })
            .collect();
        if let Some(durable) = records.iter().rfind(|record| !record.in_memory) {
            self.shared.set_durable_head(durable.seq);
        }
        let events = records.len();
        state.announcer.announce(RecordBatch::new(records, published));
        drop(state);
        answers.into_iter().for_each(|(request, receipt)| request.answer(Ok(receipt)));
        self.shared.groups().add(events, published.elapsed());
    }

    /// Leaves word that nothing was lost but the records in memory, and which these were.
    fn close(mut self) {
        while self.purge_while_idle() {}
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        let (_, segments) = state.index.log_time_to_store(Reading::now());
        let segments = segments.map(Segments);
        self.checkpoints.end();
        let (reserved, stored_to) = (state.index.head(), state.index.pieces().next() - 1);
        let meta = Meta { reserved, clean: true, stored_to, ..self.meta };
        let committed = self.store.commit(|write| {
            for (id, topic) in state.index.topics().filter(|(_, topic)| topic.is_in_memory()) {
                let removed = topic.newest().map_or(topic.removed, |newest| newest.seq);
                write.put_topic(&TopicRow::of(id, topic, removed))?;
            }
            segments.as_ref().map_or(Ok(()), |segments| write.set_part(segments))?;
            write.set_part(&meta)
        });
        if let Err(error) = committed {
            tracing::warn!(?error, "the log was not closed cleanly; nothing acknowledged is lost");
        }
        if let Err(error) = self.store.checkpoint() {
            tracing::debug!(%error, "the write-ahead log stays for the next start");
        }
    }
}
