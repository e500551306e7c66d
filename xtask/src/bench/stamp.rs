//! Time stamps in the data of events, from which a reader computes latency at little cost.

use std::time::{Duration, Instant};

/// Occurs once in each event of a bench and nowhere else on the wire.
const MARK: u8 = b'~';
/// Digits of the time in microseconds.
const DIGITS: usize = 12;

/// Measures from its creation. Publishers and readers hold copies of the same one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }

    /// The clock of a parent process that shows this time now.
    pub(super) fn at(elapsed: Duration) -> Self {
        let now = Instant::now();
        Self(now.checked_sub(elapsed).unwrap_or(now))
    }

    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Data that starts with the time, padded to `bytes`.
    pub(super) fn data(self, bytes: usize) -> String {
        let micros = self.0.elapsed().as_micros();
        let mark = char::from(MARK);
        format!("{:x<bytes$}", format!("{mark}{micros:0DIGITS$}"))
    }

    /// The first stamp in these bytes, and the milliseconds since. `None` if there is none or it is incomplete.
    pub(super) fn latency(self, bytes: &[u8]) -> Option<(u64, f64)> {
        let at = memchr::memchr(MARK, bytes)? + 1;
        let micros: u64 = str::from_utf8(bytes.get(at..at + DIGITS)?).ok()?.parse().ok()?;
        Some((micros, self.0.elapsed().as_secs_f64() * 1e3 - micros as f64 / 1e3))
    }
}

/// Events that begin in these bytes.
pub(super) fn count(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(MARK, bytes).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_found_in_a_frame() {
        let clock = Clock::new();
        let data = clock.data(40);
        assert_eq!(data.len(), 40);
        let frames = format!("id: e-1\ndata: {data}\n\nid: e-2\ndata: {data}\n\n");
        assert_eq!(count(frames.as_bytes()), 2);
        assert!((0.0..1000.0).contains(&clock.latency(frames.as_bytes()).unwrap().1));
        assert_eq!(clock.latency(b"data: ~0000"), None);
    }
}
