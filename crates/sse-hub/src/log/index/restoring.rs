//! Filling an index from what the file has.

use sse_core::Topic;

use super::{Index, Placed};
use crate::log::log_time::Reading;
use crate::log::pieces::{FULL, Pieces};
use crate::log::topics::TopicId;
use crate::policy::SlowConsumer;

impl Index {
    /// So many topics are about to be added.
    pub(in crate::log) fn reserve_topics(&mut self, count: usize) {
        self.topics.reserve(count);
    }

    /// Adds a topic that was there before, of which records up to `removed` are gone. `false` if that cannot be.
    pub(in crate::log) fn restore_topic(
        &mut self,
        id: TopicId,
        topic: Topic,
        since: u64,
        removed: u64,
    ) -> bool {
        let mut restored = self.new_topic(topic);
        (restored.is_stored, restored.since) = (true, since);
        let has_last_value = self.policy(&restored).last_value;
        if !self.topics.restore(id, restored) {
            return false;
        }
        if has_last_value {
            self.topics.set_last_value(id);
        }
        self.set_removed(id, removed);
        true
    }

    /// A topic that was there before is closed.
    pub(in crate::log) fn restore_end(&mut self, id: TopicId) {
        if let Some(topic) = self.topics.get_mut(id) {
            topic.is_closed = true;
            self.closes += 1;
        }
    }

    /// A record that is on disk, behind all others. Gives whether it is kept: then it has to be added by [`Self::add_restored`].
    pub(in crate::log) fn restore(&mut self, placed: Placed) -> bool {
        self.move_head(placed.entry.seq);
        let is_kept = self.topics.get(placed.topic).is_some_and(|topic| placed.entry.seq > topic.removed);
        if is_kept {
            self.newest.push(placed);
        }
        is_kept
    }

    /// Adds many records at once, topic by topic: one after the other each would wait for four places in memory that are far apart.
    pub(in crate::log) fn add_restored(&mut self, mut records: Vec<Placed>) {
        records.sort_unstable_by_key(|placed| (placed.topic, placed.entry.seq));
        for placed in records {
            if let Some(topic) = self.topics.get_mut(placed.topic) {
                topic.push_entry(placed.entry, &mut self.totals);
            }
        }
    }

    /// New pieces for all records on disk: first seq, last seq, records.
    pub(in crate::log) fn rewrite_pieces(&mut self) -> Vec<(u64, u64, Vec<Placed>)> {
        let placed = self.on_disk_after(0);
        self.pieces = Pieces::default();
        let mut pieces = Vec::new();
        for chunk in placed.chunks(FULL as usize) {
            let (first, last) = (self.pieces.next(), chunk.last().map_or(0, |placed| placed.entry.seq));
            self.add_piece(
                last,
                u32::try_from(chunk.len()).unwrap_or(u32::MAX),
                chunk.first().map(|placed| placed.entry),
            );
            pieces.push((first, last, chunk.to_vec()));
        }
        pieces
    }

    /// Everything that the file has was added. Records of topics with these numbers are still to be removed.
    pub(in crate::log) fn restored(&mut self, leaving: impl Iterator<Item = TopicId>) {
        // Nobody could use them while the server was stopped.
        let active = self.active_at(Reading::now());
        self.topics.each_mut(|topic| topic.active = active);
        self.topics.find_free(&leaving.collect());
        self.pieces.restored();
        self.empty = self
            .topics
            .iter()
            .filter(|(_, topic)| topic.len() == 0)
            .map(|(id, topic)| (topic.removed, id))
            .collect();
    }

    /// Sets what is known to be removed of a topic.
    pub(in crate::log) fn set_removed(&mut self, id: TopicId, seq: u64) {
        let Some(topic) = self.topics.get_mut(id).filter(|topic| seq > topic.removed) else { return };
        (topic.removed, topic.removed_at) = (seq, self.removals.begin());
        let policy = self.policies.by_rule(topic.rule);
        self.removals.add(&topic.name, seq, policy.slow_consumer == SlowConsumer::Disconnect);
    }

    /// Notes that records before this seq, which has none itself, may be missing.
    pub(in crate::log) fn add_loss(&mut self, seq: u64) {
        self.move_head(seq);
        self.losses.push(seq);
    }
}
