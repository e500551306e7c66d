//! The event sockets of one worker, driven by one task: a task for each would be half of what an idle subscriber costs.
//!
//! And their one timer, a wheel of buckets, one for each tick. A socket stands in the bucket
//! of the tick at which there can next be something to do for it, so each is visited about once a heartbeat, and a tick
//! costs what is due in it. A delivery does not move its socket: the visit finds that it came too early.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::{CatchUnwind, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use sse_hub::Budget;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TrackedFuture;

use super::event_socket::{EventSocket, Sending};
use super::limits::Limits;
use super::socket::Socket;
use super::subscriber::Subscriber;
use super::unfinished_writes::UnfinishedWrites;
use crate::client_limits::Slot;

/// Ticks of the shorter of heartbeat and write timeout.
const TICKS: u32 = 16;
/// Visits before the worker's other tasks get their turn: each may be a write.
const VISITS_PER_YIELD: usize = 64;

/// A stream that is counted until it ends. A panic ends it alone.
type Stream = TrackedFuture<CatchUnwind<AssertUnwindSafe<Sending>>>;

pub(super) struct EventSockets {
    pub(super) limits: Limits,
    tick: Duration,
    /// The first is visited at the next tick.
    buckets: RefCell<VecDeque<Vec<Weak<EventSocket>>>>,
    /// Those that the driving task does not know yet, and what wakes it.
    opened: RefCell<Vec<Stream>>,
    driver: RefCell<Option<Waker>>,
    /// Awaited when the server stops.
    open: TaskTracker,
    pub(super) budget: Budget,
    unfinished: Rc<UnfinishedWrites>,
}

impl EventSockets {
    /// Starts timer and driver, on the calling thread's local tasks.
    pub(super) fn start(limits: Limits, open: TaskTracker, budget: Budget) -> Rc<Self> {
        let period = limits.heartbeat.map_or(limits.write_timeout, |it| it.min(limits.write_timeout));
        let buckets = (0..TICKS).map(|_| Vec::new()).collect();
        let this = Rc::new(Self {
            limits,
            tick: period / TICKS,
            buckets: RefCell::new(buckets),
            opened: RefCell::default(),
            driver: RefCell::default(),
            open,
            unfinished: UnfinishedWrites::new(budget.clone()),
            budget,
        });
        let (driver, mut streams) = (Rc::downgrade(&this), FuturesUnordered::new());
        tokio::task::spawn_local(poll_fn(move |context| Self::poll_streams(&driver, &mut streams, context)));
        tokio::task::spawn_local(Self::keep_time(Rc::downgrade(&this), this.tick));
        this
    }

    /// Goes on with a socket whose response head is out.
    pub(super) fn spawn(&self, socket: Socket, slot: Slot, subscriber: Subscriber) {
        let socket = EventSocket::new((socket, slot), subscriber, Rc::clone(&self.unfinished));
        self.visit_in(self.tick * TICKS, Rc::downgrade(&socket));
        let stream = AssertUnwindSafe(Sending::new(socket)).catch_unwind();
        self.opened.borrow_mut().push(self.open.track_future(stream));
        self.driver.take().inspect(Waker::wake_by_ref);
    }

    fn poll_streams(
        this: &Weak<Self>,
        streams: &mut FuturesUnordered<Stream>,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let Some(this) = this.upgrade() else { return Poll::Ready(()) };
        loop {
            streams.extend(this.opened.take());
            if !matches!(streams.poll_next_unpin(context), Poll::Ready(Some(_))) {
                *this.driver.borrow_mut() = Some(context.waker().clone());
                return Poll::Pending;
            }
        }
    }

    async fn keep_time(this: Weak<Self>, tick: Duration) {
        let mut ticks = interval(tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(this) = this.upgrade() else { return };
            for (nth, weak) in this.next_bucket().into_iter().enumerate() {
                if let Some(socket) = weak.upgrade() {
                    let until_next = socket.visit(Instant::now(), &this.limits, tick);
                    this.visit_in(until_next, weak);
                }
                if nth % VISITS_PER_YIELD == VISITS_PER_YIELD - 1 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    fn next_bucket(&self) -> Vec<Weak<EventSocket>> {
        let mut buckets = self.buckets.borrow_mut();
        buckets.push_back(Vec::new());
        buckets.pop_front().unwrap_or_default()
    }

    /// At the last tick that is not later, or at the first or last there is.
    fn visit_in(&self, time: Duration, socket: Weak<EventSocket>) {
        let mut buckets = self.buckets.borrow_mut();
        let ticks = usize::try_from(time.as_nanos() / self.tick.as_nanos().max(1)).unwrap_or(usize::MAX);
        let nth = ticks.clamp(1, buckets.len()) - 1;
        if let Some(bucket) = buckets.get_mut(nth) {
            bucket.push(socket);
        }
    }
}
