//! How long to wait before the next attempt, and when to give up. Knows no clock: time comes in.

use std::time::Duration;

/// First delay; the next ones double.
const FIRST: Duration = Duration::from_millis(200);
/// Where doubling stops.
const LONGEST: Duration = Duration::from_secs(5);

/// The attempts of one request.
#[derive(Debug)]
pub(super) struct Patience {
    wait: Duration,
    failures: u32,
}

impl Patience {
    /// Gives up when `wait` has passed since the first attempt.
    pub(super) fn new(wait: Duration) -> Self {
        Self { wait, failures: 0 }
    }

    /// Delay before the next attempt, `None` to give up. `spent` is the time since the first attempt, `asked` the
    /// server's `Retry-After`, which can only make it longer, `random` in `0.0..1.0`. The last attempt is made when all of the wait is over.
    pub(super) fn next_delay(
        &mut self,
        spent: Duration,
        asked: Option<Duration>,
        random: f64,
    ) -> Option<Duration> {
        let left = self.wait.checked_sub(spent).filter(|left| !left.is_zero())?;
        let doubled = FIRST.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        // Half of it at random, so that many publishers do not come back in the same instant.
        let own = doubled.mul_f64(0.5 + random / 2.0);
        // A server that asks for no pause gets one all the same.
        Some(asked.map_or(own, |asked| asked.max(own)).min(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn doubles_up_to_five_seconds() {
        let mut patience = Patience::new(100 * SECOND);
        let delays: Vec<u128> =
            (0..7).map(|_| patience.next_delay(SECOND, None, 1.0).unwrap().as_millis()).collect();
        assert_eq!(delays, [200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(Patience::new(SECOND).next_delay(Duration::ZERO, None, 0.0).unwrap().as_millis(), 100);
    }

    #[test]
    fn does_what_the_server_asks_but_not_for_longer_than_the_wait() {
        let mut patience = Patience::new(30 * SECOND);
        assert_eq!(patience.next_delay(SECOND, Some(7 * SECOND), 0.5), Some(7 * SECOND));
        assert_eq!(patience.next_delay(25 * SECOND, Some(7 * SECOND), 0.5), Some(5 * SECOND));
        assert_eq!(patience.next_delay(30 * SECOND, Some(SECOND), 0.5), None);
        let mut patience = Patience::new(30 * SECOND);
        assert_eq!(patience.next_delay(SECOND, Some(Duration::ZERO), 1.0), Some(SECOND / 5), "no hot loop");
        assert_eq!(Patience::new(Duration::ZERO).next_delay(Duration::ZERO, None, 0.5), None);
    }
}
