//! Retries of a request within `--wait`. Only says how long to wait; the caller sends and sleeps.

use std::time::Duration;

use sse_client::Backoff;
use sse_client::reqwest::StatusCode;
use tokio::time::Instant;

/// What hubs, and proxies in front of them, answer temporarily.
pub(crate) const RETRIED_STATUSES: [StatusCode; 4] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// Delays from a backoff, until the time is up.
#[derive(Debug)]
pub(crate) struct RetryPolicy {
    backoff: Backoff,
    start: Instant,
    /// `None`: for ever.
    wait: Option<Duration>,
}

impl RetryPolicy {
    /// The time starts now.
    pub(crate) fn new(backoff: Backoff, wait: Option<Duration>) -> Self {
        Self { backoff, start: Instant::now(), wait }
    }

    /// Delay before the next attempt, at least what `Retry-After` asks for; `None` when the time is up. The last attempt
    /// is made when the time is up, so that all of it is used.
    pub(crate) fn next_delay(&mut self, retry_after: Option<Duration>) -> Option<Duration> {
        let left = self.wait.map(|wait| wait.saturating_sub(self.start.elapsed()));
        if left.is_some_and(|left| left.is_zero()) {
            return None;
        }
        let delay = self.backoff.next_delay()?.max(retry_after.unwrap_or_default());
        Some(left.map_or(delay, |left| left.min(delay)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn retry_after_makes_delays_longer_but_not_longer_than_the_wait() {
        let backoff = Backoff::new(SECOND / 5, 5 * SECOND);
        let mut retry = RetryPolicy::new(backoff.clone(), Some(30 * SECOND));
        assert_eq!(retry.next_delay(Some(Duration::ZERO)), Some(SECOND / 5), "no hot loop");
        assert_eq!(retry.next_delay(Some(7 * SECOND)), Some(7 * SECOND));
        tokio::time::advance(25 * SECOND).await;
        assert_eq!(retry.next_delay(Some(7 * SECOND)), Some(5 * SECOND));
        tokio::time::advance(5 * SECOND).await;
        assert_eq!(retry.next_delay(Some(SECOND)), None);
        assert_eq!(RetryPolicy::new(backoff.clone(), Some(Duration::ZERO)).next_delay(None), None);
        let mut forever = RetryPolicy::new(backoff, None);
        tokio::time::advance(1000 * SECOND).await;
        assert!(forever.next_delay(None).is_some());
    }
}
