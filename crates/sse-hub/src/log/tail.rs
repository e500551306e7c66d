//! The tail: what was appended, as it happens. The only input of the fan-out.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::record::RecordBatch;

/// Batches, and bytes of their frames, that a tail may lag before it misses some. The newest batch is kept, however large
/// it is.
const MAX_BATCHES: usize = 1024;
const MAX_BYTES: usize = 16 << 20;

/// A place at the end of the log. Bounded: who falls too far behind is told so and reads the log instead.
#[derive(Debug)]
pub struct Tail {
    kept: Arc<Mutex<Kept>>,
    /// Number of the next batch.
    next: u64,
    /// Changes with each batch; closed with the log.
    announced: watch::Receiver<()>,
}

/// What happened at the end of the log.
#[derive(Debug)]
pub enum Tailed {
    /// These records came next.
    Records(RecordBatch),
    /// Batches were missed; the next one is not adjacent to the one before.
    Lagged,
    /// The log is closed.
    Closed,
}

impl Tail {
    /// The next thing that happens. Cancel safe.
    pub async fn next(&mut self) -> Tailed {
        loop {
            if let Some(tailed) = self.try_next() {
                return tailed;
            }
            // The last batch may have come just before the end.
            let _ = self.announced.changed().await;
        }
    }

    /// What has happened already.
    pub fn try_next(&mut self) -> Option<Tailed> {
        let closed = self.announced.has_changed().is_err();
        let kept = self.kept.lock();
        let Some(behind) = self.next.checked_sub(kept.first) else {
            self.next = kept.first;
            return Some(Tailed::Lagged);
        };
        let batch = usize::try_from(behind).ok().and_then(|nth| kept.batches.get(nth));
        match batch {
            Some(batch) => {
                self.next += 1;
                Some(Tailed::Records(batch.clone()))
            }
            None => closed.then_some(Tailed::Closed),
        }
    }
}

/// The newest batches, shared by all tails.
#[derive(Debug, Default)]
struct Kept {
    batches: VecDeque<RecordBatch>,
    /// Number of the oldest of them.
    first: u64,
    bytes: usize,
}

impl Kept {
    fn push(&mut self, batch: RecordBatch) {
        self.bytes += bytes_of(&batch);
        self.batches.push_back(batch);
        while self.batches.len() > 1 && (self.batches.len() > MAX_BATCHES || self.bytes > MAX_BYTES) {
            let Some(oldest) = self.batches.pop_front() else { break };
            self.bytes -= bytes_of(&oldest);
            self.first += 1;
        }
    }
}

fn bytes_of(batch: &RecordBatch) -> usize {
    batch.iter().map(|record| record.frame.len()).sum()
}

/// The log's side of its tails. Used under the log's lock, so that all tails see the order of the log.
#[derive(Debug, Default)]
pub(super) struct Announcer {
    kept: Arc<Mutex<Kept>>,
    announced: watch::Sender<()>,
}

impl Announcer {
    /// Gives records that have just become readable to all tails.
    pub(super) fn announce(&self, batch: RecordBatch) {
        self.kept.lock().push(batch);
        self.announced.send_replace(());
    }

    /// A tail of what is announced from now on.
    pub(super) fn tail(&self) -> Tail {
        let announced = self.announced.subscribe();
        let kept = self.kept.lock();
        let next = kept.first + kept.batches.len() as u64;
        Tail { kept: Arc::clone(&self.kept), next, announced }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fanout::record;

    fn batch(seq: u64, bytes: usize) -> RecordBatch {
        [record(seq, "a", &"x".repeat(bytes))].into()
    }

    fn next_seq(tail: &mut Tail) -> Option<u64> {
        match tail.try_next()? {
            Tailed::Records(batch) => batch.first().map(|record| record.seq),
            Tailed::Lagged => Some(0),
            Tailed::Closed => None,
        }
    }

    #[tokio::test]
    async fn what_was_announced_before_the_end_is_given_first() {
        let announcer = Announcer::default();
        let mut tail = announcer.tail();
        announcer.announce(batch(1, 1));
        drop(announcer);
        assert_eq!(next_seq(&mut tail), Some(1));
        assert!(matches!(tail.next().await, Tailed::Closed));
    }

    #[test]
    fn a_tail_that_lags_by_too_many_batches_or_bytes_is_told() {
        for (batches, bytes) in [(MAX_BATCHES as u64 + 1, 1), (3, MAX_BYTES / 2)] {
            let announcer = Announcer::default();
            let mut tail = announcer.tail();
            (1..=batches).for_each(|seq| announcer.announce(batch(seq, bytes)));
            assert_eq!(next_seq(&mut tail), Some(0), "{batches} of {bytes}");
            assert!(next_seq(&mut tail).unwrap() > 1);
        }
    }

    #[test]
    fn the_newest_batch_is_given_however_large_it_is() {
        let announcer = Announcer::default();
        let mut tail = announcer.tail();
        announcer.announce(batch(1, MAX_BYTES + 1));
        assert_eq!(next_seq(&mut tail), Some(1));
        assert_eq!(next_seq(&mut tail), None);
    }
}
