//! Retry with exponential backoff and jitter. Counts failures; knows no clock, so a limit in time is the caller's.

use std::time::Duration;

/// Shortest delay, whatever the options or the server say: a server that accepts and closes at once must not cause a
/// hot loop.
const MIN_DELAY: Duration = Duration::from_millis(100);

/// Delays between attempts: the base first, then doubled up to a maximum, each with up to half of it random, so that
/// many clients of one server do not come back in the same instant.
///
/// ```
/// use std::time::Duration;
/// use sse_client::Backoff;
///
/// let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30)).max_attempts(3);
/// assert_eq!(backoff.next_delay(), Some(Duration::from_secs(1)));
/// assert!(backoff.next_delay() <= Some(Duration::from_secs(2)));
/// assert!(backoff.next_delay() <= Some(Duration::from_secs(4)));
/// assert_eq!(backoff.next_delay(), None);
/// ```
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    max: Duration,
    max_attempts: Option<u32>,
    attempts: u32,
}

impl Default for Backoff {
    /// 1 s, doubled up to 30 s, without a limit on attempts: the delays of an [`EventSource`](crate::EventSource).
    fn default() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_secs(30))
    }
}

impl Backoff {
    /// Delays from `base` (at least 100 ms) to `max`. A base above the maximum stays as it is.
    pub fn new(base: Duration, max: Duration) -> Self {
        Self { base, max, max_attempts: None, attempts: 0 }
    }

    /// Limits the attempts in a row. Default: no limit.
    #[must_use]
    pub fn max_attempts(mut self, count: impl Into<Option<u32>>) -> Self {
        self.max_attempts = count.into();
        self
    }

    /// Sets the first delay.
    #[must_use]
    pub fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// Sets where doubling stops.
    #[must_use]
    pub fn max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// Starts over with the base: an attempt has succeeded.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Attempts planned since the last reset.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Counts a failure and gives the delay before the next attempt; `None` when no attempt is left.
    pub fn next_delay(&mut self) -> Option<Duration> {
        self.next_delay_from(None)
    }

    /// The same from another base, such as the `retry` of an event stream.
    pub fn next_delay_from(&mut self, base: Option<Duration>) -> Option<Duration> {
        self.delay(base, fastrand::f64())
    }

    /// `random` is in `0.0..1.0`.
    fn delay(&mut self, base: Option<Duration>, random: f64) -> Option<Duration> {
        if self.max_attempts.is_some_and(|max| self.attempts >= max) {
            return None;
        }
        let base = base.unwrap_or(self.base).max(MIN_DELAY);
        let factor = 1_u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        self.attempts = self.attempts.saturating_add(1);
        let longest = base.saturating_mul(factor).min(self.max.max(base));
        let shortest = (longest / 2).max(base);
        Some(shortest.saturating_add(fraction(longest.saturating_sub(shortest), random)))
    }
}

/// `share` of `span`, without the panic of `mul_f64` on what a `Duration` cannot hold.
fn fraction(span: Duration, share: f64) -> Duration {
    Duration::try_from_secs_f64(span.as_secs_f64() * share).unwrap_or(span).min(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(mut backoff: Backoff, server: Option<Duration>, random: f64) -> Vec<u64> {
        (0..8)
            .map(|_| u64::try_from(backoff.delay(server, random).unwrap().as_millis()).unwrap_or(u64::MAX))
            .collect()
    }

    #[test]
    fn starts_at_one_second_and_doubles_to_thirty() {
        let longest = delays(Backoff::default(), None, 1.0);
        assert_eq!(longest, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
        let shortest = delays(Backoff::default(), None, 0.0);
        assert_eq!(shortest, [1_000, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    }

    #[test]
    fn jitter_stays_between_half_and_all() {
        for _ in 0..200 {
            let mut backoff = Backoff { attempts: 3, ..Backoff::default() };
            let delay = backoff.next_delay().unwrap();
            assert!((4_000..=8_000).contains(&delay.as_millis()), "{delay:?}");
        }
    }

    #[test]
    fn a_reset_starts_over() {
        let mut backoff = Backoff::default();
        backoff.delay(None, 1.0);
        assert_eq!(backoff.delay(None, 1.0), Some(Duration::from_secs(2)));
        backoff.reset();
        assert_eq!(backoff.delay(None, 1.0), Some(Duration::from_secs(1)));
        assert_eq!(backoff.attempts(), 1);
    }

    #[test]
    fn attempts_end_at_the_limit_and_are_back_after_a_reset() {
        let mut backoff = Backoff::default().max_attempts(2);
        assert_eq!([(); 3].map(|()| backoff.next_delay().is_some()), [true, true, false]);
        assert_eq!(backoff.attempts(), 2);
        backoff.reset();
        assert!(backoff.next_delay().is_some());
        assert_eq!(Backoff::default().max_attempts(0).next_delay(), None);
        assert!(Backoff { attempts: u32::MAX, ..Backoff::default() }.next_delay().is_some());
    }

    #[test]
    fn the_retry_of_the_server_is_the_base() {
        let server = Some(Duration::from_millis(250));
        assert_eq!(delays(Backoff::default(), server, 1.0)[..4], [250, 500, 1_000, 2_000]);
        let long = Some(Duration::from_secs(120));
        assert_eq!(delays(Backoff::default(), long, 1.0)[..3], [120_000, 120_000, 120_000]);
    }

    #[test]
    fn no_server_can_ask_for_a_hot_loop() {
        assert_eq!(delays(Backoff::default(), Some(Duration::ZERO), 0.0)[0], 100);
    }

    #[test]
    fn absurd_values_do_not_panic() {
        let mut backoff = Backoff { attempts: u32::MAX, max: Duration::MAX, ..Backoff::default() };
        assert_eq!(backoff.delay(Some(Duration::MAX), 1.0), Some(Duration::MAX));
        let mut backoff = Backoff { max: Duration::ZERO, ..Backoff::default() };
        let long = Duration::from_millis(u64::MAX);
        assert_eq!(backoff.delay(Some(long), 0.5), Some(long));
    }
}
