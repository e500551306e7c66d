//! The log's clock. The wall clock stamps records, and is not trusted to say how old they are: it may be wrong, and be set
//! while the server runs or is stopped. Ages go by the log's own time, which the monotonic clock moves.
//!
//! Log time runs beside the wall clock at an offset. When the wall clock is set, the offset changes: the clock notes from
//! which seq on in a [`Segment`], so that the log time of a record is its stamp less the offset of its segment. Stamps are
//! never rewritten, and whatever the wall clock shows, a record is as old as the time that has passed since it was stored.
//!
//! Time in which the server was stopped is known from the wall clock alone, and a start may be the moment at which that
//! is wrong. So log time first goes on where it was, and the difference is the *gap* of a new segment. Once the wall clock
//! has kept to it for [`HOLD`] the gap counts: it is added to the log time of the segment and of all later ones, which makes
//! everything before it so much older. A wall clock that is set back meanwhile takes it away again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long the wall clock must keep to a time before anything expires by it.
const HOLD: i64 = Duration::from_secs(3600).as_millis() as i64;
/// Differences between the two clocks up to this one are no change.
const TOLERANCE: i64 = 1000;
/// Changes from this one on are told, and begin the [`HOLD`] anew. Gaps up to this one count at once.
const NOTABLE: i64 = 60_000;
/// How often gaps are looked at.
const LOOK_EVERY: i64 = 1000;
/// Most segments; the oldest two are merged.
const MAX_SEGMENTS: usize = 1000;

/// What the clocks of the system say, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Since 1970.
    pub(super) wall: i64,
    /// Since some time before this process. Counts a suspended machine's sleep where the system can tell.
    pub(super) monotonic: i64,
}

/// The records from one seq on, as far as the next segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Segment {
    /// Its first seq.
    pub(super) first: u64,
    /// Wall time less log time, in milliseconds.
    pub(super) offset: i64,
    /// Time before it that does not count yet, in milliseconds.
    pub(super) gap: i64,
    /// For how long the wall clock has kept to the gap, in milliseconds.
    pub(super) held: i64,
}

/// The clock of one log.
#[derive(Debug)]
pub(super) struct LogTime {
    /// At least one.
    segments: Vec<Segment>,
    /// Log time less monotonic time, in milliseconds. `None` until the clock was started.
    base: Option<i64>,
    /// Monotonic time of the last look.
    seen: i64,
    /// The segments have changed since they were stored.
    changed: bool,
}

impl Reading {
    pub(super) fn now() -> Self {
        Self { wall: jiff::Timestamp::now().as_millisecond(), monotonic: monotonic() }
    }

    /// The wall time as records carry it.
    pub(super) fn stamp(self) -> u64 {
        u64::try_from(self.wall).unwrap_or(0)
    }
}

impl Default for LogTime {
    /// Of a log without records.
    fn default() -> Self {
        Self::with_segments(Vec::new())
    }
}

impl LogTime {
    /// With segments that were stored, by their first seqs.
    pub(super) fn with_segments(mut segments: Vec<Segment>) -> Self {
        if segments.is_empty() {
            segments.push(Segment { first: 0, offset: 0, gap: 0, held: 0 });
        }
        Self { segments, base: None, seen: 0, changed: false }
    }

    /// Starts the clock. The newest record has this seq and stamp; `None` without records. `next` is the seq of the first
    /// record to come.
    pub(super) fn start(&mut self, newest: Option<(u64, u64)>, next: u64, reading: Reading) {
        let Some((seq, stamp)) = newest else {
            self.base = Some(reading.wall - reading.monotonic - self.last().offset);
            self.seen = reading.monotonic;
            return;
        };
        let stopped_at = i64::try_from(stamp).unwrap_or(i64::MAX) - self.segment(seq).offset;
        // The wall clock may be as it was at some time before: then it was put right, and little time has passed. Not less so
        // than by how much it is off from what it was last.
        let newest = reading.wall - self.last().offset - stopped_at;
        let gaps = self.segments.iter().map(|segment| reading.wall - segment.offset - stopped_at);
        let gap = gaps.filter(|gap| (0..=newest.abs()).contains(gap)).min().unwrap_or(0);
        let counted = if gap <= NOTABLE { gap } else { 0 };
        self.base = Some(stopped_at + counted - reading.monotonic);
        self.seen = reading.monotonic;
        if gap > NOTABLE {
            self.push(Segment { first: next, offset: reading.wall - stopped_at, gap, held: 0 });
            tracing::info!(
                seconds = gap / 1000,
                "time since the last event; it counts for retention in an hour"
            );
        }
        self.look(next, reading);
    }

    /// Looks whether the wall clock was set, and which gaps count by now. `next` is the seq of the next record.
    pub(super) fn look(&mut self, next: u64, reading: Reading) {
        let Some(base) = self.base else { return };
        let set_by = reading.wall - (base + reading.monotonic) - self.last().offset;
        if set_by.abs() > TOLERANCE {
            let offset = self.last().offset + set_by;
            self.push(Segment { first: next, offset, gap: 0, held: 0 });
        }
        if set_by.abs() > NOTABLE {
            tracing::warn!(
                seconds = set_by / 1000,
                "the clock was set; ages of events do not go by it, their times do"
            );
            self.take_back(-set_by);
            self.segments.iter_mut().for_each(|segment| segment.held = 0);
            self.seen = reading.monotonic;
        }
        let passed = reading.monotonic - self.seen;
        if passed >= LOOK_EVERY {
            self.hold(passed);
            self.seen = reading.monotonic;
        }
    }

    /// The log time now, in milliseconds.
    pub(super) fn now(&self, reading: Reading) -> i64 {
        self.base.unwrap_or(0) + reading.monotonic
    }

    /// The log time now, in milliseconds, for what is never before 1970.
    pub(super) fn now_millis(&self, reading: Reading) -> u64 {
        u64::try_from(self.now(reading)).unwrap_or(0)
    }

    /// The log time of a record with this seq and stamp, all in seconds.
    pub(super) fn time(&self, seq: u64, stamp: u32) -> i64 {
        i64::from(stamp) - self.segment(seq).offset.div_euclid(1000)
    }

    /// Was a record with this seq and stamp appended at this wall time of now or later? All gaps count.
    pub(super) fn is_since(&self, seq: u64, stamp: u32, since: u32) -> bool {
        let gaps_after: i64 = self
            .segments
            .iter()
            .rev()
            .take_while(|segment| segment.first > seq)
            .map(|segment| segment.gap)
            .sum();
        let offset = self.last().offset - self.segment(seq).offset - gaps_after;
        i64::from(stamp) + offset.div_euclid(1000) >= i64::from(since)
    }

    /// The segments, if they have changed since they were asked for.
    pub(super) fn changed(&mut self) -> Option<&[Segment]> {
        std::mem::take(&mut self.changed).then_some(&self.segments)
    }

    /// Asks for the segments to be stored again.
    pub(super) fn set_changed(&mut self) {
        self.changed = true;
    }

    fn last(&self) -> Segment {
        self.segments.last().copied().unwrap_or(Segment { first: 0, offset: 0, gap: 0, held: 0 })
    }

    fn segment(&self, seq: u64) -> Segment {
        let after = self.segments.partition_point(|segment| segment.first <= seq);
        self.segments.get(after.saturating_sub(1)).copied().unwrap_or_else(|| self.last())
    }

    /// Replaces a segment without records.
    fn push(&mut self, mut segment: Segment) {
        if let Some(last) = self.segments.last().filter(|last| last.first == segment.first) {
            (segment.gap, segment.held) = (segment.gap.max(last.gap), last.held);
            self.segments.pop();
        }
        self.segments.push(segment);
        if self.segments.len() > MAX_SEGMENTS {
            let oldest = self.segments.remove(0);
            if let Some(merged) = self.segments.first_mut() {
                merged.first = oldest.first;
                // What lies between is rather kept for too long than not long enough.
                merged.offset = merged.offset.min(oldest.offset);
            }
        }
        self.changed = true;
    }

    /// The wall clock has kept to its time for so long.
    fn hold(&mut self, passed: i64) {
        for nth in 0..self.segments.len() {
            let Some(segment) = self.segments.get_mut(nth).filter(|segment| segment.gap > 0) else {
                continue;
            };
            segment.held += passed;
            if segment.held < HOLD {
                continue;
            }
            let gap = std::mem::take(&mut segment.gap);
            self.segments.iter_mut().skip(nth).for_each(|segment| segment.offset -= gap);
            self.base = self.base.map(|base| base + gap);
            self.changed = true;
            tracing::info!(
                seconds = gap / 1000,
                "time while the server was stopped counts for retention now"
            );
        }
    }

    /// The wall clock was set back by so much: newest gaps were not real.
    fn take_back(&mut self, mut millis: i64) {
        for segment in self.segments.iter_mut().rev() {
            let taken = segment.gap.min(millis.max(0));
            segment.gap -= taken;
            millis -= taken;
            self.changed |= taken > 0;
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn monotonic() -> i64 {
    millis(rustix::time::clock_gettime(rustix::time::ClockId::Boottime))
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn monotonic() -> i64 {
    millis(rustix::time::clock_gettime(rustix::time::ClockId::Monotonic))
}

#[cfg(unix)]
fn millis(time: rustix::time::Timespec) -> i64 {
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

#[cfg(not(unix))]
fn monotonic() -> i64 {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    i64::try_from(START.elapsed().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
