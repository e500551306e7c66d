//! The idle timeout: a timer that each byte restarts. Knows nothing of connections.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Expires when nothing arrives for the whole limit; never without a limit.
#[derive(Debug)]
pub(crate) struct IdleTimer {
    limit: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl IdleTimer {
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Self { limit, timer: None }
    }

    /// Something arrived.
    pub(crate) fn restart(&mut self) {
        let Some(limit) = self.limit else { return };
        match (&mut self.timer, Instant::now().checked_add(limit)) {
            (Some(timer), Some(end)) => timer.as_mut().reset(end),
            _ => self.timer = Some(Box::pin(tokio::time::sleep(limit))),
        }
    }

    /// Ready with the limit when the timer has expired.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Duration> {
        match (&mut self.timer, self.limit) {
            (Some(timer), Some(limit)) => timer.as_mut().poll(cx).map(|()| limit),
            _ => Poll::Pending,
        }
    }
}
