//! Window: the newest records of the log, once for all feeds of a worker, which name them by their seqs. Knows no feeds.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::deliveries::Deliveries;
use crate::direct_writer::SharedFrames;
use crate::log::{Record, RecordBatch};

/// What a record costs beside its frame.
const RECORD_BYTES: usize = 128;

#[derive(Debug)]
pub(crate) struct Window {
    /// In log order; the seqs grow, with holes.
    records: VecDeque<Arc<Record>>,
    bytes: usize,
    max_bytes: usize,
    /// Every record after this seq, up to `head`, is here.
    floor: u64,
    /// Seq of the newest record that was taken in.
    head: u64,
    /// The newest delivery that was one record alone: many feeds send the same one after another.
    delivery: Option<(u64, Rc<SharedFrames>)>,
    /// First seqs of the batches that the records came in, and when these were published.
    published: VecDeque<(u64, Instant)>,
    /// What was given of it, and of the log.
    pub(super) deliveries: Deliveries,
}

impl Window {
    /// An empty window that is about to get every record after `head`. Holds so many bytes, or the newest record alone if
    /// that is larger.
    pub(super) fn new(head: u64, max_bytes: usize) -> Self {
        Self {
            records: VecDeque::new(),
            bytes: 0,
            max_bytes,
            floor: head,
            head,
            delivery: None,
            published: VecDeque::new(),
            deliveries: Deliveries::default(),
        }
    }

    pub(super) fn head(&self) -> u64 {
        self.head
    }

    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// The records of this batch come next.
    pub(super) fn begin(&mut self, batch: &RecordBatch) {
        while self.published.get(1).is_some_and(|(first, _)| *first <= self.floor) {
            self.published.pop_front();
        }
        self.published.extend(batch.first().map(|first| (first.seq, batch.published())));
    }

    /// A delivery pass began with the record with this seq.
    pub(super) fn count_pass(&mut self, seq: u64) {
        let after = self.published.partition_point(|(first, _)| *first <= seq);
        if let Some((_, published)) = self.published.get(after.saturating_sub(1)) {
            self.deliveries.count_pass(published.elapsed());
        }
    }

    pub(super) fn push(&mut self, record: Arc<Record>) {
        self.head = record.seq;
        self.bytes += size(&record);
        self.records.push_back(record);
        while self.bytes > self.max_bytes && self.records.len() > 1 {
            let Some(oldest) = self.records.pop_front() else { break };
            self.bytes -= size(&oldest);
            self.floor = oldest.seq;
        }
    }

    /// Records up to `head` were missed: nothing before it can be had here.
    pub(super) fn jump(&mut self, head: u64) {
        let deliveries = std::mem::take(&mut self.deliveries);
        *self = Self { deliveries, ..Self::new(head, self.max_bytes) };
    }

    /// The record with this seq, if it is here.
    pub(super) fn get(&self, seq: u64) -> Option<&Arc<Record>> {
        self.records.get(self.nth(seq)).filter(|record| record.seq == seq)
    }

    /// The records after this seq, oldest first.
    pub(super) fn after(&self, seq: u64) -> impl ExactSizeIterator<Item = &Arc<Record>> {
        self.records.range(self.nth(seq + 1)..)
    }

    /// The record alone as a delivery.
    pub(super) fn delivery(&mut self, record: &Record) -> Rc<SharedFrames> {
        match &self.delivery {
            Some((seq, frames)) if *seq == record.seq => Rc::clone(frames),
            _ => {
                let frames = Rc::new(SharedFrames::new(record.frame.clone(), record.seq));
                self.delivery = Some((record.seq, Rc::clone(&frames)));
                frames
            }
        }
    }

    /// Where the record with this seq is, or the first after it. Without holes it is found at once.
    fn nth(&self, seq: u64) -> usize {
        let Some(first) = self.records.front() else { return 0 };
        let guess = usize::try_from(seq.saturating_sub(first.seq)).unwrap_or(usize::MAX);
        match self.records.get(guess) {
            Some(record) if record.seq == seq => guess,
            _ => self.records.partition_point(|record| record.seq < seq),
        }
    }
}

fn size(record: &Record) -> usize {
    record.frame.len() + RECORD_BYTES
}

#[cfg(test)]
mod tests {
    use super::super::record;
    use super::*;

    fn window(seqs: &[u64]) -> Window {
        let mut window = Window::new(0, 10_000);
        seqs.iter().for_each(|seq| window.push(record(*seq, "a", "")));
        window
    }

    fn after(window: &Window, seq: u64) -> Vec<u64> {
        window.after(seq).map(|record| record.seq).collect()
    }

    #[test]
    fn records_are_found_by_their_seqs_over_holes_too() {
        for seqs in [&[1, 2, 3, 4][..], &[2, 3, 7, 20], &[5]] {
            let window = window(seqs);
            for seq in 0..25 {
                assert_eq!(window.get(seq).map(|record| record.seq), seqs.contains(&seq).then_some(seq));
                let later: Vec<u64> = seqs.iter().copied().filter(|later| *later > seq).collect();
                assert_eq!(after(&window, seq), later);
            }
        }
    }

    #[test]
    fn the_oldest_go_when_it_is_full_and_the_newest_stays() {
        let mut window = window(&[1, 2]);
        assert_eq!(window.floor(), 0);
        window.push(record(3, "a", &"x".repeat(9_700)));
        assert_eq!((window.floor(), after(&window, 0)), (2, vec![3]));
        window.push(record(4, "a", &"x".repeat(20_000)));
        assert_eq!((window.floor(), window.head(), after(&window, 0)), (3, 4, vec![4]));
    }

    #[test]
    fn after_a_jump_there_is_nothing_from_before() {
        let mut window = window(&[1, 2]);
        window.jump(9);
        assert_eq!((window.floor(), window.head(), after(&window, 0)), (9, 9, vec![]));
        window.push(record(10, "a", ""));
        assert_eq!(after(&window, 9), [10]);
    }

    #[test]
    fn a_record_is_one_delivery_for_all_feeds() {
        let mut window = window(&[1, 2]);
        let (one, two) = (Arc::clone(window.get(1).unwrap()), Arc::clone(window.get(2).unwrap()));
        let first = window.delivery(&one);
        assert!(Rc::ptr_eq(&first, &window.delivery(&one)));
        assert!(!Rc::ptr_eq(&first, &window.delivery(&two)));
    }
}
