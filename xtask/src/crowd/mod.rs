//! Subscribers and publishers that behave well, and the check that each subscriber receives every event of its topics
//! once and in order. Whatever else happens to the server is the business of the test.

mod publisher;
mod subscriber;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use sse_client::reqwest::Client;
use tokio::task::JoinSet;

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
}

/// What became of them.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) published: u64,
    /// Attempts that a publisher had to repeat.
    pub(crate) retries: u64,
    /// Events received by all subscribers.
    pub(crate) deliveries: u64,
    /// Connections lost by all subscribers.
    pub(crate) cuts: u64,
    /// Cuts of the subscriber that was cut most.
    pub(crate) most_cuts: u64,
    /// Subscribers that came, those that stayed included.
    pub(crate) subscribers: u64,
    /// Events lost, repeated or out of order, and subscribers refused for good: how many, and the first of them.
    pub(crate) faults: u64,
    pub(crate) first_fault: Option<String>,
}

/// Longest wait for subscribers: until all have connected, and until they have received the last event.
const DEADLINE: Duration = Duration::from_secs(60);
/// Latencies are recorded up to this.
const MAX_LATENCY_MICROS: u64 = 600_000_000;

/// A running crowd. Lives on a `LocalSet`; stops when dropped.
pub(crate) struct Crowd {
    shared: Rc<Shared>,
    publishers: JoinSet<Result<()>>,
    staying: JoinSet<()>,
    _moving: JoinSet<()>,
}

/// What all of them read and count in.
struct Shared {
    address: String,
    client: Client,
    start: Instant,
    stop: Cell<bool>,
    /// Number of the last event of each topic that was or is being published.
    published: Vec<Cell<u64>>,
    retries: Cell<u64>,
    deliveries: Cell<u64>,
    connected: Cell<u64>,
    subscribers: Cell<u64>,
    cuts: Cell<u64>,
    most_cuts: Cell<u64>,
    faults: Cell<u64>,
    first_fault: RefCell<Option<String>>,
    /// In microseconds, from when the event was due to its receipt by a subscriber.
    latencies: RefCell<Histogram<u64>>,
}

/// Name of the `nth` topic.
pub(crate) fn topic(nth: usize) -> String {
    format!("crowd/{nth}")
}

impl Crowd {
    /// Connects those that stay, then begins to publish.
    pub(crate) async fn start(address: &str, size: Size) -> Result<Self> {
        rlimit::increase_nofile_limit(u64::MAX)?;
        let shared = Rc::new(Shared::new(address, size.topics)?);
        let (mut staying, mut moving, mut publishers) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
        for nth in 0..size.staying {
            staying.spawn_local(Subscriber::staying(&shared, nth).run());
        }
        let all = size.staying as u64;
        shared.until("all subscribers are connected", |shared| shared.connected.get() >= all).await?;
        for nth in 0..size.moving {
            moving.spawn_local(subscriber::come_and_go(Rc::clone(&shared), nth, size.stay));
        }
        let interval = Duration::from_secs_f64(size.topics as f64 / size.rate);
        for topic in 0..size.topics {
            let delay = interval.mul_f64(topic as f64 / size.topics as f64);
            publishers.spawn_local(publisher::publish(Rc::clone(&shared), topic, delay, interval));
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
        let published = async {
            while let Some(done) = self.publishers.join_next().await {
                done??;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(DEADLINE, published).await.context("the last events are not acknowledged")??;
        let received = async { while self.staying.join_next().await.is_some() {} };
        if tokio::time::timeout(DEADLINE, received).await.is_err() {
            shared.fault(format!("{} subscribers do not receive the last event", self.staying.len()));
        }
        Ok(shared.outcome())
    }
}

impl Shared {
    fn new(address: &str, topics: usize) -> Result<Self> {
        Ok(Self {
            address: address.to_owned(),
            client: Client::builder().pool_max_idle_per_host(0).build()?,
            start: Instant::now(),
            stop: Cell::default(),
            published: vec![Cell::new(0); topics],
            retries: Cell::default(),
            deliveries: Cell::default(),
            connected: Cell::default(),
            subscribers: Cell::default(),
            cuts: Cell::default(),
            most_cuts: Cell::default(),
            faults: Cell::default(),
            first_fault: RefCell::default(),
            latencies: RefCell::new(Histogram::new_with_max(MAX_LATENCY_MICROS, 3)?),
        })
    }

    /// Microseconds since the start.
    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX)
    }

    /// Number of the topic's last event.
    fn published(&self, topic: usize) -> u64 {
        self.published.get(topic).map_or(0, Cell::get)
    }

    fn fault(&self, what: String) {
        add(&self.faults);
        self.first_fault.borrow_mut().get_or_insert(what);
    }

    async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) -> Result<()> {
        let start = Instant::now();
        while !condition(self) {
            ensure!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn outcome(&self) -> Outcome {
        Outcome {
            published: self.published.iter().map(Cell::get).sum(),
            retries: self.retries.get(),
            deliveries: self.deliveries.get(),
            cuts: self.cuts.get(),
            most_cuts: self.most_cuts.get(),
            subscribers: self.subscribers.get(),
            faults: self.faults.get(),
            first_fault: self.first_fault.borrow().clone(),
        }
    }
}

impl Outcome {
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
    /// When an event was lost, repeated or out of order, or one was cut more often than this.
    pub(crate) fn check(&self, max_cuts: u64) -> Result<()> {
        let first = self.first_fault.as_deref().unwrap_or_default();
        ensure!(self.faults == 0, "{} faults, the first: {first}", self.faults);
        ensure!(self.most_cuts <= max_cuts, "a subscriber was cut {} times", self.most_cuts);
        Ok(())
    }
}

fn add(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}
