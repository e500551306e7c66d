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

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::files::Files;
use super::free_space::FreeSpace;
use super::group::{Request, SequencedBatch, insert, placed};
use super::parts::{Folded, Losses, Meta, Segments, StoredEpochs};
use super::purge::PurgeQueue;
use super::restore::Repairs;
use super::shared::Shared;
use super::store::{CommitError, Store, TopicRow};
use crate::log::append::{AppendError, AppendReceipt};
use crate::log::index::Index;
use crate::log::log_time::Reading;
use crate::log::record::Record;
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
    store: Store,
    shared: Arc<Shared>,
    meta: Meta,
    purge_queue: PurgeQueue,
    free_space: FreeSpace,
    files: Files,
    /// Batches refused since the store could last be written.
    refused: u64,
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
        let meta = {
            let index = &mut shared.state().index;
            let meta = Meta { reserved: index.head() + RESERVED, clean: false, backup: false, ..meta };
            store
                .commit(|write| {
                    repairs.write(write)?;
                    write.set_part(&StoredEpochs::of(&shared.epochs))?;
                    write.set_part(&Losses(index.losses().to_vec()))?;
                    write.set_part(&Folded::of(index))?;
                    write.set_part(&meta)
                })
                .map_err(io::Error::other)?;
            meta
        };
        // So that whoever gets the main file alone can tell that this was not all. On a full disk it has to wait.
        if !free_space.has_room_for(&files[1]) || store.checkpoint().is_err() {
            tracing::warn!("the write-ahead log stays for now; if it is lost, that may not be noticed");
        }
        let files = Files::of(files)?;
        let purge_queue = PurgeQueue::default();
        let mut writer = Self { store, shared, meta, purge_queue, free_space, files, refused: 0 };
        writer.look_at_space();
        writer.expire_all();
        Ok(writer)
    }

    /// Works until all senders are gone, then leaves the store clean.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    Some(request) => self.work(request, &mut requests),
                    None => return self.close(),
                },
                _ = ticks.tick() => {
                    self.look_at_space();
                    self.expire();
                    // Only now and then, because each purge costs an fsync that a publisher would wait for;
                    // under load the groups take care of it.
                    while requests.is_empty() && self.purge_while_idle() {}
                    self.forget_topics();
                }
            }
        }
    }

    /// Appends this request and those that wait behind it.
    fn work(&mut self, first: Request, requests: &mut mpsc::Receiver<Request>) {
        let (mut records, mut bytes) = first.size();
        let mut group = vec![first];
        while records < GROUP_RECORDS
            && bytes < GROUP_BYTES
            && let Ok(request) = requests.try_recv()
        {
            let (more_records, more_bytes) = request.size();
            (records, bytes) = (records + more_records, bytes + more_bytes);
            group.push(request);
        }
        // A key that comes twice in a group is answered once the first of the two is stored.
        while !group.is_empty() {
            let mut keys = HashSet::new();
            let is_new = |request: &Request| request.batch.key.clone().is_none_or(|key| keys.insert(key));
            let (now, later) = group.into_iter().partition(is_new);
            self.append(now);
            group = later;
        }
    }

    fn append(&mut self, group: Vec<Request>) {
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
            let topics = group.iter().flat_map(|batch| &batch.records).map(|record| &*record.topic);
            self.shared.state().index.forget_unused(topics);
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
    fn assign_seqs(&mut self, group: Vec<Request>, now: Reading) -> Vec<SequencedBatch> {
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
            match index.assign_seqs(&request.batch.drafts, epoch, head, now.stamp(), &mut waiting) {
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
        if let Some(why) = self.failed() {
            return Err(AppendError::Unavailable(why));
        }
        let needs_disk = group.iter().any(|batch| batch.on_disk);
        if needs_disk && self.shared.state().is_full {
            return Err(AppendError::Full);
        }
        if needs_disk {
            self.files.check().map_err(AppendError::Unavailable)?;
        }
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
        let new_topics = new_topics(group, index);
        let (purge, first) = (self.purge_queue.with_group(count, index), index.pieces().next());
        drop(state);
        let mut merged = None;
        let committed = self.store.commit(|write| {
            // First, because a key that was forgotten may be used again in this group.
            merged = self.purge_queue.write(&purge, write, &self.shared)?;
            for row in &new_topics {
                write.put_topic(row)?;
                write.delete_gone(&row.name)?;
            }
            let mut inserts = write.inserts()?;
            group.iter().try_for_each(|batch| insert(write, &mut inserts, batch, key_time))?;
            drop(inserts);
            if !placed.is_empty() {
                write.put_piece(first, last, placed.iter().copied())?;
            }
            segments.as_ref().map_or(Ok(()), |segments| write.set_part(segments))?;
            if meta.reserved != self.meta.reserved { write.set_part(&meta) } else { Ok(()) }
        });
        let mut state = self.shared.state();
        if committed.is_err() && segments.is_some() {
            state.index.log_time().set_changed();
        }
        if committed.is_ok() {
            new_topics.iter().for_each(|row| state.index.set_stored(row.id));
            self.purge_queue.written(&purge, merged, &mut state.index);
            if let Some(start) = placed.first() {
                let count = u32::try_from(placed.len()).unwrap_or(u32::MAX);
                state.index.add_piece(last, count, Some(start.entry));
            }
            self.meta = meta;
        }
        drop(state);
        committed.map_err(|error| self.failure(error))
    }

    /// Why the file cannot be trusted to take more, once a write has failed in such a way.
    fn failed(&self) -> Option<String> {
        self.shared.state().failed.clone()
    }

    fn tell_recovered(&mut self) {
        if self.refused > 0 {
            tracing::info!(batches = self.refused, "events are stored again, these were refused meanwhile");
            self.refused = 0;
        }
    }

    /// What a failed commit means to a publisher, and to this thread.
    fn failure(&mut self, error: CommitError) -> AppendError {
        match error {
            CommitError::Full => AppendError::Full,
            CommitError::Refused(error) => AppendError::Unavailable(error.to_string()),
            CommitError::Unknown(error) => {
                // After a failed fsync the system may have dropped what it could not write, and would call
                // the next one good.
                let why = format!("a write failed ({error}); restart the server");
                tracing::error!(%why, "no more events are taken");
                self.shared.state().failed = Some(why);
                AppendError::Unknown(error.to_string())
            }
        }
    }

    /// Makes the group readable, gives it to the tails, answers.
    fn publish(&mut self, group: Vec<SequencedBatch>, now: Reading) {
        if group.is_empty() {
            return;
        }
        let mut state = self.shared.state();
        let records: Vec<Arc<Record>> = group.iter().flat_map(|batch| &batch.records).cloned().collect();
        records.iter().for_each(|record| state.index.push(record));
        let topics: BTreeSet<TopicId> = records.iter().map(|record| record.topic_id).collect();
        self.purge_queue.add_records(state.index.expire(topics, now));
        let answers: Vec<(Request, AppendReceipt)> = group
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
        state.announcer.announce(records.into());
        drop(state);
        answers.into_iter().for_each(|(request, receipt)| request.answer(Ok(receipt)));
    }

    fn look_at_space(&mut self) {
        let (is_full, missing) = (self.free_space.is_low(), self.files.check().err());
        let mut state = self.shared.state();
        (state.is_full, state.missing) = (is_full, missing);
    }

    /// Takes what is too old out of the index.
    fn expire(&mut self) {
        let now = Reading::now();
        let mut state = self.shared.state();
        state.index.look_at_time(now);
        self.purge_queue.add_keys(state.index.expire_keys(now));
        self.purge_queue.add_records(state.index.expire_due(now));
    }

    /// Takes what is too old, or too much, out of the index, of all topics.
    fn expire_all(&mut self) {
        let now = Reading::now();
        let mut state = self.shared.state();
        state.index.look_at_time(now);
        let topics: Vec<TopicId> = state.index.topics().map(|(id, _)| id).collect();
        self.purge_queue.add_records(state.index.expire(topics, now));
    }

    /// Takes some of what is out of the index out of the file. `false` when there is no more, or it cannot be
    /// done now.
    fn purge_while_idle(&mut self) -> bool {
        if self.failed().is_some() {
            return false;
        }
        let Some(purge) = self.purge_queue.while_idle(&mut self.shared.state().index) else { return false };
        let mut merged = None;
        let committed = self.store.commit(|write| {
            merged = self.purge_queue.write(&purge, write, &self.shared)?;
            Ok(())
        });
        if let Err(error) = committed {
            let error = self.failure(error);
            tracing::warn!(%error, "expired records were not purged");
            return false;
        }
        self.purge_queue.written(&purge, merged, &mut self.shared.state().index);
        true
    }

    /// Makes room for new topics when there are many of which nothing is kept.
    fn forget_topics(&mut self) {
        if self.purge_queue.has_records() || self.failed().is_some() {
            return;
        }
        let mut state = self.shared.state();
        let unused = state.index.to_forget();
        if unused.is_empty() {
            return;
        }
        let since = state.index.head();
        let (gone, folded) = state.index.forget(&unused);
        let folded_part = Folded::of(&mut state.index);
        drop(state);
        // If this fails, they are there again after a restart.
        let committed = self.store.commit(|write| {
            for id in unused {
                write.put_topic(&TopicRow { id, since, ..TopicRow::default() })?;
            }
            gone.iter().try_for_each(|(topic, seq)| write.put_gone(topic.as_str(), *seq))?;
            folded.iter().try_for_each(|topic| write.delete_gone(topic))?;
            if folded.is_empty() { Ok(()) } else { write.set_part(&folded_part) }
        });
        if let Err(error) = committed {
            let error = self.failure(error);
            tracing::warn!(%error, "unused topics were not forgotten");
        }
    }

    /// Leaves word that nothing was lost but the records in memory, and which these were.
    fn close(mut self) {
        while self.purge_while_idle() {}
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        let (_, segments) = state.index.log_time_to_store(Reading::now());
        let segments = segments.map(Segments);
        let meta = Meta { reserved: state.index.head(), clean: true, ..self.meta };
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

/// Rows of the topics in a group that have none.
fn new_topics(group: &[SequencedBatch], index: &Index) -> Vec<TopicRow> {
    let ids: BTreeSet<TopicId> =
        group.iter().flat_map(|batch| &batch.records).map(|record| record.topic_id).collect();
    let new = ids.into_iter().filter_map(|id| Some((id, index.topic(id).filter(|topic| !topic.is_stored)?)));
    new.map(|(id, topic)| TopicRow::of(id, topic, topic.removed)).collect()
}
