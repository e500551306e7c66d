//! How long to wait before the next connection. Counts failures; knows no clock and draws no random numbers.

use std::time::Duration;

/// Shortest delay, whatever the options or the server say, so that a server that accepts and ends at once is
/// not asked in a hot loop.
const MIN_DELAY: Duration = Duration::from_millis(100);

/// Delays that start at a base, double with jitter on repeated failure up to a maximum, and start over when
/// bytes have come in.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    /// Delay before the first attempt after a good connection, unless the server sets one. Default 1 s.
    pub(crate) base: Duration,
    /// Where doubling stops. A larger base stays as it is. Default 30 s.
    pub(crate) max: Duration,
    /// Attempts that may fail in a row. Default: no limit.
    pub(crate) max_attempts: Option<u32>,
    attempts: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_secs(1), max: Duration::from_secs(30), max_attempts: None, attempts: 0 }
    }
}

impl Backoff {
    /// The connection delivered something: the next delay is the base again.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Attempts planned since the last reset.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// No attempt is left.
    pub(crate) fn is_spent(&self) -> bool {
        self.max_attempts.is_some_and(|max| self.attempts >= max)
    }

    /// Delay before the next attempt: the base at first, then between half of the doubled delay and all of it.
    ///
    /// `server` is the `retry` of the stream and replaces the base. `random` is in `0.0..1.0`.
    pub(crate) fn next_delay(&mut self, server: Option<Duration>, random: f64) -> Duration {
        let base = server.unwrap_or(self.base).max(MIN_DELAY);
        let factor = 1_u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        self.attempts = self.attempts.saturating_add(1);
        let longest = base.saturating_mul(factor).min(self.max.max(base));
        let shortest = (longest / 2).max(base);
        shortest.saturating_add(fraction(longest.saturating_sub(shortest), random))
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
            .map(|_| u64::try_from(backoff.next_delay(server, random).as_millis()).unwrap_or(u64::MAX))
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
            let delay = backoff.next_delay(None, fastrand::f64());
            assert!((4_000..=8_000).contains(&delay.as_millis()), "{delay:?}");
        }
    }

    #[test]
    fn a_reset_starts_over() {
        let mut backoff = Backoff::default();
        backoff.next_delay(None, 1.0);
        assert_eq!(backoff.next_delay(None, 1.0), Duration::from_secs(2));
        backoff.reset();
        assert_eq!(backoff.next_delay(None, 1.0), Duration::from_secs(1));
        assert_eq!(backoff.attempts(), 1);
    }

    #[test]
    fn the_attempts_are_spent_at_the_limit_and_back_after_a_reset() {
        let mut backoff = Backoff { max_attempts: Some(2), ..Backoff::default() };
        for spent in [false, false, true] {
            assert_eq!(backoff.is_spent(), spent);
            backoff.next_delay(None, 0.0);
        }
        backoff.reset();
        assert!(!backoff.is_spent());
        assert!(Backoff { max_attempts: Some(0), ..Backoff::default() }.is_spent());
        assert!(!Backoff { attempts: u32::MAX, ..Backoff::default() }.is_spent());
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
        assert_eq!(backoff.next_delay(Some(Duration::MAX), 1.0), Duration::MAX);
        let mut backoff = Backoff { max: Duration::ZERO, ..Backoff::default() };
        assert_eq!(
            backoff.next_delay(Some(Duration::from_millis(u64::MAX)), 0.5).as_millis(),
            u64::MAX.into()
        );
    }
}
