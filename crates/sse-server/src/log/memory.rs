//! A bounded log in memory. It is gone with the process, and a new one has a new epoch.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sse_core::{Epoch, RecordId, Topic};
use tokio::sync::broadcast;

use super::{Batch, Draft, Record, Tail};

/// Batches that a tail may fall behind before it misses some.
const TAIL_BATCHES: usize = 1024;

/// Keeps the newest records of each topic.
#[derive(Debug)]
pub(crate) struct MemoryLog {
    epoch: Epoch,
    /// How many records a topic keeps.
    keep: fn(&Topic) -> usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Seq of the newest record, 0 before the first.
    head: u64,
    topics: HashMap<Topic, Kept>,
    /// Sent to under the lock, so that all tails see the order of the log.
    tail: broadcast::Sender<Batch>,
}

/// The records of one topic that are still there.
#[derive(Debug, Default)]
struct Kept {
    records: VecDeque<Arc<Record>>,
    /// Seq of the newest record that was removed, 0 when none was.
    removed: u64,
}

/// What a read found.
#[derive(Debug)]
pub(crate) struct Page {
    /// Oldest first.
    pub(crate) records: Vec<Arc<Record>>,
    /// The page holds every kept record up to this seq.
    pub(crate) complete_to: u64,
    /// Seq of the newest wanted record that was removed, 0 when none was.
    pub(crate) removed: u64,
}

impl MemoryLog {
    /// An empty log with a new epoch.
    pub(crate) fn new(keep: fn(&Topic) -> usize) -> Self {
        let state = State { head: 0, topics: HashMap::new(), tail: broadcast::Sender::new(TAIL_BATCHES) };
        Self { epoch: Epoch::from_bits(fastrand::u64(..)), keep, state: Mutex::new(state) }
    }

    /// The life of the sequence that this log's ids belong to.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Seq of the newest record, 0 before the first.
    pub(crate) fn head(&self) -> u64 {
        self.state().head
    }

    /// Appends an event, and removes what its topic does not keep any more. Gives the record's seq.
    pub(crate) fn append(&self, draft: Draft) -> u64 {
        let mut state = self.state();
        state.head += 1;
        let seq = state.head;
        let record = Arc::new(Record::new(RecordId { epoch: self.epoch, seq }, draft));
        let keep = (self.keep)(&record.topic);
        state.topics.entry(record.topic.clone()).or_default().push(Arc::clone(&record), keep);
        // No receiver is no error: nobody is looking.
        let _ = state.tail.send(Arc::from([record]));
        seq
    }

    /// The oldest `limit` records after the seq `after` in the topics that are `wanted`.
    pub(crate) fn read(&self, wanted: impl Fn(&Topic) -> bool, after: u64, limit: usize) -> Page {
        let state = self.state();
        let mut records = Vec::new();
        let mut removed = 0;
        for (_, kept) in state.topics.iter().filter(|(topic, _)| wanted(topic)) {
            removed = removed.max(kept.removed);
            records.extend(kept.after(after).take(limit).cloned());
        }
        records.sort_unstable_by_key(|record| record.seq);
        let cut = records.len() >= limit;
        records.truncate(limit);
        let last = records.last().map_or(after, |record| record.seq);
        Page { records, complete_to: if cut { last } else { state.head }, removed }
    }

    /// Everything appended from now on.
    pub(crate) fn tail(&self) -> (Tail, u64) {
        let state = self.state();
        (Tail::new(state.tail.subscribe()), state.head)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can panic halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn push(&mut self, record: Arc<Record>, keep: usize) {
        self.records.push_back(record);
        while self.records.len() > keep {
            if let Some(oldest) = self.records.pop_front() {
                self.removed = oldest.seq;
            }
        }
    }

    fn after(&self, seq: u64) -> impl Iterator<Item = &Arc<Record>> {
        let from = self.records.partition_point(|record| record.seq <= seq);
        self.records.range(from..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Tailed;
    use sse_core::Event;

    fn draft(topic: &str, data: &str) -> Draft {
        Draft { topic: Topic::new(topic).unwrap(), event: Event::new(data) }
    }

    fn append_many(log: &MemoryLog, topic: &str, range: std::ops::Range<usize>) {
        for _ in range {
            log.append(draft(topic, ""));
        }
    }

    fn seqs(page: &Page) -> Vec<u64> {
        page.records.iter().map(|record| record.seq).collect()
    }

    #[test]
    fn merges_topics_in_log_order_page_by_page() {
        let log = MemoryLog::new(|_| 100);
        for topic in ["a", "b", "a", "c", "b", "a"] {
            log.append(draft(topic, ""));
        }
        let wanted = |topic: &Topic| topic.as_str() != "c";
        let first = log.read(wanted, 0, 3);
        assert_eq!((seqs(&first), first.complete_to), (vec![1, 2, 3], 3));
        let second = log.read(wanted, 3, 3);
        assert_eq!((seqs(&second), second.complete_to), (vec![5, 6], 6));
        assert_eq!(log.read(wanted, 6, 3).complete_to, 6);
    }

    #[test]
    fn a_full_last_page_does_not_claim_to_be_complete() {
        let log = MemoryLog::new(|_| 100);
        append_many(&log, "a", 0..4);
        assert_eq!(log.read(|_| true, 0, 2).complete_to, 2);
    }

    #[test]
    fn tells_which_topic_has_lost_records() {
        let log = MemoryLog::new(|topic| if topic.as_str() == "few" { 2 } else { 100 });
        append_many(&log, "few", 0..3);
        log.append(draft("many", ""));
        assert_eq!(log.read(|topic| topic.as_str() == "few", 0, 10).removed, 1);
        assert_eq!(log.read(|topic| topic.as_str() == "many", 0, 10).removed, 0);
        assert_eq!(seqs(&log.read(|_| true, 0, 10)), [2, 3, 4]);
    }

    #[tokio::test]
    async fn the_tail_gives_what_comes_after_it_and_says_when_it_missed_some() {
        let log = MemoryLog::new(|_| 10);
        log.append(draft("a", ""));
        let (mut tail, from) = log.tail();
        assert_eq!(from, 1);
        log.append(draft("a", "x"));
        assert!(matches!(tail.next().await, Tailed::Batch(batch) if batch[0].seq == 2));
        append_many(&log, "a", 0..2 * TAIL_BATCHES);
        assert!(matches!(tail.next().await, Tailed::Missed));
        drop(log);
        while !matches!(tail.next().await, Tailed::Closed) {}
    }
}
