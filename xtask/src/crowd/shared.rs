//! What publishers and subscribers of a crowd read and count in.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::time::Instant;

use anyhow::Result;
use hdrhistogram::Histogram;
use sse_client::reqwest::Client;

/// Type of all events of the crowd.
pub(super) const EVENT_TYPE: &str = "crowd";
/// Latencies are recorded up to this.
const MAX_LATENCY_MICROS: u64 = 600_000_000;

/// What all of them read and count in.
pub(super) struct Shared {
    pub(super) address: String,
    client: Client,
    source: Option<fn(usize) -> IpAddr>,
    pub(super) start: Instant,
    pub(super) stop: Cell<bool>,
    /// Number of the last event of each topic that was or is being published.
    pub(super) published: Vec<Cell<u64>>,
    pub(super) retries: Cell<u64>,
    pub(super) deliveries: Cell<u64>,
    pub(super) connected: Cell<u64>,
    pub(super) subscribers: Cell<u64>,
    pub(super) cuts: Cell<u64>,
    pub(super) most_cuts: Cell<u64>,
    pub(super) faults: Cell<u64>,
    pub(super) first_fault: RefCell<Option<String>>,
    /// In microseconds, from when the event was due to its receipt by a subscriber.
    pub(super) latencies: RefCell<Histogram<u64>>,
}

/// Name of the `nth` topic.
pub(super) fn topic(nth: usize) -> String {
    format!("crowd/{nth}")
}

impl Shared {
    pub(super) fn new(address: &str, topics: usize, source: Option<fn(usize) -> IpAddr>) -> Result<Self> {
        Ok(Self {
            address: address.to_owned(),
            client: Client::builder().pool_max_idle_per_host(0).build()?,
            source,
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

    /// The client of the `nth` subscriber.
    pub(super) fn client(&self, nth: usize) -> Result<Client> {
        let Some(source) = self.source else { return Ok(self.client.clone()) };
        Ok(Client::builder().pool_max_idle_per_host(0).local_address(source(nth)).build()?)
    }

    /// Microseconds since the start.
    pub(super) fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX)
    }

    /// Number of the topic's last event.
    pub(super) fn published(&self, topic: usize) -> u64 {
        self.published.get(topic).map_or(0, Cell::get)
    }

    pub(super) fn fault(&self, what: String) {
        add(&self.faults);
        self.first_fault.borrow_mut().get_or_insert(what);
    }
}

pub(super) fn add(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}
