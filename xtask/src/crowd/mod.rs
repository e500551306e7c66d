//! Subscribers and publishers that behave well, and the check that each subscriber receives every event of its topics
//! once and in order. Whatever else happens to the server is the business of the test.

mod publisher;
mod shared;
mod subscriber;

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use shared::Shared;
use subscriber::Subscriber;

/// How many there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// One publisher each.
    pub(crate) topics: usize,
    /// Events per second on all topics together.
    pub(crate) rate: f64,
    /// Subscribers from the beginning to the end.
    pub(crate) staying: usize,
    /// Subscribers at any time that come and go.
    pub(crate) moving: usize,
    /// How long such a one stays, on average.
    pub(crate) stay: Duration,
    /// The address of each, first of those that stay, then of the publishers; the system chooses one without it.
    pub(crate) source: Option<fn(usize) -> IpAddr>,
}

/// What became of them.
#[derive(Debug)]
pub(crate) struct Outcome {
    published: u64,
    /// Attempts that a publisher had to repeat.
    retries: u64,
    /// Events received by all subscribers.
    deliveries: u64,
    /// Connections lost by all subscribers.
    cuts: u64,
    /// Cuts of the subscriber that was cut most.
    most_cuts: u64,
    /// Subscribers that came, those that stayed included.
    subscribers: u64,
    /// Events lost, repeated or out of order, and subscribers refused for good: how many, and the first of them.
    faults: u64,
    first_fault: Option<String>,
}

/// Longest wait for subscribers: until all have connected, and until they have received the last event.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running crowd. Lives on a `LocalSet`; stops when dropped.
pub(crate) struct Crowd {
    shared: Rc<Shared>,
    publishers: JoinSet<()>,
    staying: JoinSet<()>,
    _moving: JoinSet<()>,
}

impl Crowd {
    /// Connects those that stay, then begins to publish.
    pub(crate) async fn start(address: &str, size: Size) -> Result<Self> {
        rlimit::increase_nofile_limit(u64::MAX)?;
        let shared = Rc::new(Shared::new(address, size.topics, size.source)?);
        let (mut staying, mut moving, mut publishers) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
        for nth in 0..size.staying {
            staying.spawn_local(Subscriber::staying(&shared, nth).run());
        }
        let all = size.staying as u64;
        let connected = async {
            while shared.connected.get() < all {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(DEADLINE, connected).await.context("the subscribers do not get through")?;
        for nth in 0..size.moving {
            moving.spawn_local(subscriber::come_and_go(Rc::clone(&shared), nth, size.stay));
        }
        let interval = Duration::from_secs_f64(size.topics as f64 / size.rate);
        for topic in 0..size.topics {
            let delay = interval.mul_f64(topic as f64 / size.topics as f64);
            let source = size.source.map(|source| source(size.staying + topic));
            publishers.spawn_local(publisher::publish(Rc::clone(&shared), topic, source, delay, interval));
        }
        Ok(Self { shared, publishers, staying, _moving: moving })
    }

    /// The latencies since this was last called, in microseconds.
    pub(crate) fn take_latencies(&self) -> Histogram<u64> {
        let mut latencies = self.shared.latencies.borrow_mut();
        let taken = latencies.clone();
        latencies.reset();
        taken
    }

    /// Stops publishing and waits until every subscriber that stays has received the last event.
    pub(crate) async fn finish(mut self) -> Result<Outcome> {
        let shared = Rc::clone(&self.shared);
        shared.stop.set(true);
        let published = async { while self.publishers.join_next().await.is_some() {} };
        tokio::time::timeout(DEADLINE, published).await.context("the last events are not acknowledged")?;
        let received = async { while self.staying.join_next().await.is_some() {} };
        if tokio::time::timeout(DEADLINE, received).await.is_err() {
            shared.fault(format!("{} subscribers do not receive the last event", self.staying.len()));
        }
        Ok(Outcome::of(&shared))
    }
}

impl Outcome {
    fn of(shared: &Shared) -> Self {
        Self {
            published: shared.published.iter().map(Cell::get).sum(),
            retries: shared.retries.get(),
            deliveries: shared.deliveries.get(),
            cuts: shared.cuts.get(),
            most_cuts: shared.most_cuts.get(),
            subscribers: shared.subscribers.get(),
            faults: shared.faults.get(),
            first_fault: shared.first_fault.borrow().clone(),
        }
    }

    /// Prints the rows of a report.
    pub(crate) fn print(&self) {
        println!("published         {:>10} events, {} attempts repeated", self.published, self.retries);
        println!("deliveries        {:>10} checked, {} faults", self.deliveries, self.faults);
        println!(
            "subscribers       {:>10}, cut {} times, one of them {} times",
            self.subscribers, self.cuts, self.most_cuts
        );
    }

    /// # Errors
    /// When a publisher was refused, or had no answer.
    pub(crate) fn check_publishers(&self) -> Result<()> {
        ensure!(self.retries == 0, "publishers were refused {} times", self.retries);
        Ok(())
    }

    /// # Errors
    /// When an event was lost, repeated or out of order, or one was cut more often than this.
    pub(crate) fn check(&self, max_cuts: u64) -> Result<()> {
        let first = self.first_fault.as_deref().unwrap_or_default();
        ensure!(self.faults == 0, "{} faults, the first: {first}", self.faults);
        ensure!(self.most_cuts <= max_cuts, "a subscriber was cut {} times", self.most_cuts);
        Ok(())
    }
}
