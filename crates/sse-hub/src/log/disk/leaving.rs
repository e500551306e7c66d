//! What leaves the log: records that pass a limit, and topics that are deleted, idle or of no use. The index decides; this
//! brings it into the file.

use std::sync::Arc;

use sse_core::Topic;

use super::group::Change;
use super::parts::{Folded, Meta};
use super::store::{RowState, TopicRow};
use super::writer::Writer;
use crate::log::append::{AppendError, Deleted};
use crate::log::index::Deletion;
use crate::log::log_time::Reading;
use crate::log::own_events;
use crate::log::topics::TopicId;

impl Writer {
    pub(super) fn change(&mut self, change: Change) {
        // Whoever asked may have gone.
        match change {
            Change::Delete { topic, reply } => {
                let _ = reply.send(self.delete(&topic));
            }
            Change::Policies { policies, reply } => {
                self.free_space.set_floor(policies.limits().free);
                let kept = self.shared.state().index.set_policies(policies);
                self.expire_all();
                let _ = reply.send(kept);
            }
        }
    }

    /// See [`Log::delete`](crate::Log::delete).
    fn delete(&mut self, topic: &Topic) -> Result<Option<Deleted>, AppendError> {
        if let Some(why) = self.failed() {
            return Err(AppendError::Unavailable(why));
        }
        let (id, seq, is_stored) = {
            let index = &self.shared.state().index;
            let Some(id) = index.topic_id(topic) else { return Ok(None) };
            (id, index.head() + 1, index.topic(id).is_some_and(|topic| topic.is_stored))
        };
        let meta = Meta { reserved: self.meta.reserved.max(seq), ..self.meta };
        let row = TopicRow { id, since: seq, state: RowState::Leaving, ..TopicRow::default() };
        if is_stored {
            self.files.check().map_err(AppendError::Unavailable)?;
            let committed = self.store.commit(|write| {
                write.put_topic(&row)?;
                write.put_gone(topic.as_str(), seq)?;
                write.set_part(&meta)
            });
            committed.map_err(|error| self.failure(error))?;
            self.meta = meta;
        }
        let now = Reading::now();
        let mut state = self.shared.state();
        state.index.look_at_time(now);
        let Some((deletion, count)) = state.index.delete(id) else { return Ok(None) };
        let name = deletion.name.clone();
        let record = own_events::deletion(&self.shared.epochs, name, seq, now.stamp());
        // A restart finds it among what is gone.
        self.shared.set_durable_head(seq);
        state.announcer.announce([Arc::new(record)].into());
        drop(state);
        self.topics_gone(vec![deletion], true);
        Ok(Some(Deleted { seq, count }))
    }

    /// Topics are out of the index: takes them out of the file.
    fn topics_gone(&mut self, deletions: Vec<Deletion>, is_noted: bool) {
        let (stored, others): (Vec<_>, Vec<_>) =
            deletions.into_iter().partition(|deletion| deletion.is_stored);
        others.iter().for_each(|deletion| self.shared.state().index.release(deletion.id));
        let folded: Vec<_> = stored.iter().filter_map(|deletion| deletion.folded.clone()).collect();
        if !stored.is_empty() && (!is_noted || !folded.is_empty()) {
            let part = Folded::of(&mut self.shared.state().index);
            // If this fails, they are there again after a restart.
            let committed = self.store.commit(|write| {
                for Deletion { id, name, seq, .. } in &stored {
                    let row =
                        TopicRow { id: *id, since: *seq, state: RowState::Leaving, ..TopicRow::default() };
                    write.put_topic(&row)?;
                    write.put_gone(name.as_str(), *seq)?;
                }
                folded.iter().try_for_each(|topic| write.delete_gone(topic))?;
                if folded.is_empty() { Ok(()) } else { write.set_part(&part) }
            });
            if let Err(error) = committed {
                let error = self.failure(error);
                tracing::warn!(%error, "topics that are gone stay in the file");
            }
        }
        for Deletion { id, seq, on_disk, .. } in stored {
            self.purge_queue.add_topic(id, on_disk, seq);
        }
    }

    /// Takes what is too old out of the index.
    pub(super) fn expire(&mut self) {
        let now = Reading::now();
        let mut state = self.shared.state();
        state.index.look_at_time(now);
        self.purge_queue.add_keys(state.index.expire_keys(now));
        let (expired, mut gone) = state.index.expire_due(now);
        self.purge_queue.add_records(expired);
        // There are many topics, and some of which nothing is kept.
        let unused = state.index.to_forget();
        gone.extend(state.index.forget(&unused));
        drop(state);
        if !gone.is_empty() {
            self.topics_gone(gone, false);
        }
    }

    /// Takes what is too old, or too much, out of the index, of all topics.
    pub(super) fn expire_all(&mut self) {
        let now = Reading::now();
        let mut state = self.shared.state();
        state.index.look_at_time(now);
        let topics: Vec<TopicId> = state.index.topics().map(|(id, _)| id).collect();
        self.purge_queue.add_records(state.index.expire(topics, now));
    }

    /// Takes some of what is out of the index out of the file. `false` when there is no more, or it cannot be
    /// done now.
    pub(super) fn purge_while_idle(&mut self) -> bool {
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
}
