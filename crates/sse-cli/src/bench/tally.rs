//! The counts and latencies of the streams of one thread. Knows neither sockets nor the wire format.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::sequence::{Arrival, SequenceTracker};
use super::stamp::Stamp;

/// Latencies above an hour count as an hour.
const MAX_MICROS: u64 = 3_600_000_000;
/// Significant digits of each latency.
const DIGITS: u8 = 3;
/// Events whose last reader is tracked: the first ones. 16 bytes each.
const MAX_TRACKED: usize = 1 << 20;
/// Reasons that are counted separately; the rest is "other".
const MAX_REASONS: usize = 16;

/// Microseconds.
pub(super) type Latencies = Histogram<u64>;

pub(super) fn latencies() -> Latencies {
    Histogram::new_with_bounds(1, MAX_MICROS, DIGITS).expect("the bounds are valid")
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The counts of one thread, or of all together.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// Streams that the server opened.
    pub(super) opened: usize,
    /// Streams that opened and have ended since.
    pub(super) cut: usize,
    /// Streams that never opened, by reason.
    pub(super) failures: BTreeMap<String, usize>,
    /// TCP connection alone.
    pub(super) connect: Latencies,
    /// From connecting to the end of the head of the response.
    pub(super) open: Latencies,
    /// Events of any kind.
    pub(super) deliveries: u64,
    /// On the wire, with framing.
    pub(super) bytes: u64,
    /// Events of this run, each counted once per stream.
    pub(super) distinct: u64,
    pub(super) doubled: u64,
    pub(super) out_of_order: u64,
    /// Larger than the decoder accepts.
    pub(super) oversize: u64,
    /// When the last delivery arrived, since the start of the run.
    pub(super) last_delivery: Duration,
    /// From due time to delivery.
    pub(super) latency: Latencies,
    /// The same, since the last reset.
    pub(super) recent: Latencies,
    /// By the number of the event over all publishers.
    pub(super) reached: Vec<Reached>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reached {
    streams: u32,
    /// The highest latency, in microseconds.
    slowest: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            opened: 0,
            cut: 0,
            failures: BTreeMap::new(),
            connect: latencies(),
            open: latencies(),
            deliveries: 0,
            bytes: 0,
            distinct: 0,
            doubled: 0,
            out_of_order: 0,
            oversize: 0,
            last_delivery: Duration::ZERO,
            latency: latencies(),
            recent: latencies(),
            reached: Vec::new(),
        }
    }
}

impl Tally {
    /// Counts an event that arrived on a stream, at this time since the start of the run.
    pub(super) fn event(&mut self, stamp: Option<Stamp>, tracker: &mut SequenceTracker, now: Duration) {
        self.deliveries += 1;
        self.last_delivery = now;
        let Some(stamp) = stamp else { return };
        let publisher = usize::from(stamp.publisher);
        let Some(arrival) = tracker.arrive(publisher, stamp.number) else { return };
        match arrival {
            Arrival::Again => {
                self.doubled += 1;
                return;
            }
            Arrival::Late => self.out_of_order += 1,
            Arrival::InOrder => {}
        }
        self.distinct += 1;
        let micros = micros(now).saturating_sub(stamp.due);
        self.latency.saturating_record(micros);
        self.recent.saturating_record(micros);
        self.reach(stamp.number as usize * tracker.publishers() + publisher, micros);
    }

    fn reach(&mut self, nth: usize, micros: u64) {
        if nth >= MAX_TRACKED {
            return;
        }
        if nth >= self.reached.len() {
            self.reached.resize(nth + 1, Reached::default());
        }
        if let Some(reached) = self.reached.get_mut(nth) {
            reached.streams += 1;
            reached.slowest = reached.slowest.max(micros);
        }
    }

    pub(super) fn failed(&mut self, reason: String) {
        let known = self.failures.len() < MAX_REASONS || self.failures.contains_key(&reason);
        *self.failures.entry(if known { reason } else { "other".to_owned() }).or_default() += 1;
    }

    pub(super) fn failed_streams(&self) -> usize {
        self.failures.values().sum()
    }

    /// Resets all counts but those of opening.
    pub(super) fn begin(&mut self) {
        let Self { opened, cut, failures, connect, open, .. } = std::mem::take(self);
        *self = Self { opened, cut, failures, connect, open, ..Self::default() };
    }

    /// Adds the counts of another thread.
    pub(super) fn add(&mut self, other: &Self) {
        self.opened += other.opened;
        self.cut += other.cut;
        for (reason, count) in &other.failures {
            *self.failures.entry(reason.clone()).or_default() += count;
        }
        self.deliveries += other.deliveries;
        self.bytes += other.bytes;
        self.distinct += other.distinct;
        self.doubled += other.doubled;
        self.out_of_order += other.out_of_order;
        self.oversize += other.oversize;
        self.last_delivery = self.last_delivery.max(other.last_delivery);
        for (own, others) in [
            (&mut self.connect, &other.connect),
            (&mut self.open, &other.open),
            (&mut self.latency, &other.latency),
            (&mut self.recent, &other.recent),
        ] {
            own.add(others).expect("the bounds are the same");
        }
        self.reached.resize(self.reached.len().max(other.reached.len()), Reached::default());
        for (own, others) in self.reached.iter_mut().zip(&other.reached) {
            own.streams += others.streams;
            own.slowest = own.slowest.max(others.slowest);
        }
    }

    /// For each tracked event that reached this many streams: the latency of the last one.
    pub(super) fn last_readers(&self, streams: usize) -> Latencies {
        let mut all = latencies();
        for reached in
            self.reached.iter().filter(|reached| reached.streams as usize >= streams && streams > 0)
        {
            all.saturating_record(reached.slowest);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    fn stamp(publisher: u8, number: u32) -> Option<Stamp> {
        Some(Stamp { run: 1, publisher, number, due: 1000 })
    }

    #[test]
    fn the_last_reader_is_the_slowest_of_all_threads() {
        let (mut one, mut two) = (Tally::default(), Tally::default());
        one.event(stamp(1, 0), &mut SequenceTracker::new(2), 3 * MILLI);
        two.event(stamp(1, 0), &mut SequenceTracker::new(2), 9 * MILLI);
        two.event(stamp(0, 0), &mut SequenceTracker::new(2), 50 * MILLI);
        one.add(&two);
        let last = one.last_readers(2);
        assert_eq!((last.len(), last.max()), (1, last.highest_equivalent(8000)));
        assert_eq!((one.deliveries, one.distinct, one.latency.len()), (3, 3, 3));
    }

    #[test]
    fn a_repeat_is_a_delivery_without_latency() {
        let (mut tally, mut tracker) = (Tally::default(), SequenceTracker::new(1));
        for stamp in [stamp(0, 0), stamp(0, 0), None, stamp(9, 0)] {
            tally.event(stamp, &mut tracker, 2 * MILLI);
        }
        assert_eq!((tally.deliveries, tally.distinct, tally.doubled, tally.latency.len()), (4, 1, 1, 1));
    }

    #[test]
    fn reasons_are_bounded() {
        let mut tally = Tally::default();
        (0..100).for_each(|n| tally.failed(format!("reason {n}")));
        assert_eq!((tally.failures.len(), tally.failed_streams()), (MAX_REASONS + 1, 100));
    }
}
