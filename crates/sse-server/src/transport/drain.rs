//! How connections end when the server stops: event streams some at a time, each told when to come back, so that neither their
//! ends nor their returns are one wave. Knows no signals and no listeners.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sse_hub::Fanout;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Event streams that end in a second, if there is time for that, and that are asked to come back in one.
const STREAMS_PER_SECOND: f64 = 2000.0;
/// Of the time for a drain, what event streams may end in. The rest is for what they have left to write.
const PART_FOR_ENDS: f64 = 0.75;
/// From the end of the last event stream until a server is expected to be there again.
const RESTART: Duration = Duration::from_secs(1);
/// Shortest time over which the returns are spread.
const LEAST_SPREAD: Duration = Duration::from_secs(1);
/// Between two groups of event streams that end.
const TICK: Duration = Duration::from_millis(10);

/// Shared by everything that ends.
#[derive(Debug, Default)]
pub(crate) struct Drain {
    is_begun: AtomicBool,
    closing: CancellationToken,
    streams: TaskTracker,
    plan: OnceLock<Plan>,
}

/// When event streams end, and when their readers come back.
#[derive(Debug)]
struct Plan {
    start: Instant,
    /// All of them end in this time.
    ends: Duration,
    /// From the start until the first comes back, and until the last does after it.
    back: Duration,
    spread: Duration,
}

impl Drain {
    /// The server is not ready any more; everything goes on.
    pub(crate) fn begin(&self) {
        self.is_begun.store(true, Relaxed);
    }

    pub(crate) fn is_begun(&self) -> bool {
        self.is_begun.load(Relaxed)
    }

    /// Connections end when they are idle, and event streams, of which there are so many, within most of `time`.
    pub(crate) fn close(&self, streams: u64, time: Duration) {
        let at_rate = Duration::from_secs_f64(streams as f64 / STREAMS_PER_SECOND);
        let ends = at_rate.min(time.mul_f64(PART_FOR_ENDS));
        let plan =
            Plan { start: Instant::now(), ends, back: ends + RESTART, spread: at_rate.max(LEAST_SPREAD) };
        // A second one comes too late.
        let _ = self.plan.set(plan);
        self.closing.cancel();
    }

    /// Cancelled when connections end.
    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// The tasks of event streams that own their socket. Those left when the server has ended are cut.
    pub(crate) fn streams(&self) -> &TaskTracker {
        &self.streams
    }

    /// The time at which the last event streams end.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        self.plan.get().map(|plan| plan.start + plan.ends)
    }

    /// After what time a subscriber that ends now is to come back, drawn anew for each. `None` unless connections end.
    pub(super) fn retry(&self) -> Option<Duration> {
        let plan = self.plan.get()?;
        let back = plan.back.saturating_sub(plan.start.elapsed());
        Some(back + plan.spread.mul_f64(fastrand::f64()))
    }

    /// Ends the subscriptions of a worker when connections end, in the time there is for that, and then its fan-out by `stop`.
    pub(crate) async fn end_streams(self: Arc<Self>, fanout: Fanout, stop: CancellationToken) {
        self.closing.cancelled().await;
        let Some(plan) = self.plan.get() else { return stop.cancel() };
        let (mut ending, mut ended) = (fanout.ending(), 0);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while plan.start.elapsed() < plan.ends {
            let part = plan.start.elapsed().div_duration_f64(plan.ends);
            let due = (ending.count() as f64 * part) as usize;
            ending.end(due - ended);
            ended = due;
            ticks.tick().await;
        }
        stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn readers_come_back_evenly_after_the_last_stream_has_ended() {
        const STREAMS: u32 = 10_000;
        let drain = Drain::default();
        assert_eq!((drain.retry(), drain.ends_at()), (None, None));
        let start = Instant::now();
        drain.close(u64::from(STREAMS), 8 * SECOND);
        let ends = drain.ends_at().unwrap() - start;
        assert_eq!(ends, 5 * SECOND);
        let mut returns = [0; 16];
        for nth in 0..STREAMS {
            let end = ends * nth / STREAMS;
            tokio::time::advance(start + end - Instant::now()).await;
            let back = end + drain.retry().unwrap();
            returns[back.as_secs() as usize] += 1;
        }
        assert!(returns[..6].iter().chain(&returns[11..]).all(|count| *count == 0), "{returns:?}");
        assert!(returns.iter().all(|count| *count < 2 * STREAMS / 5), "{returns:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn few_take_no_time_and_many_no_longer_than_there_is() {
        for (streams, most) in [(10, SECOND / 100), (1_000_000, 6 * SECOND)] {
            let drain = Drain::default();
            drain.close(streams, 8 * SECOND);
            assert!(drain.ends_at().unwrap() - Instant::now() <= most);
            assert!(drain.retry().unwrap() >= SECOND);
        }
    }
}
