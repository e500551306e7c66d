//! What the subscribers and publishers of the drain test count in.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// Connections that subscribers open at once, at first.
const OPENING: usize = 500;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) address: String,
    pub(super) stop: Cell<bool>,
    /// The last number, once it is known.
    pub(super) last: Cell<Option<u64>>,
    /// Event streams that have begun and not ended.
    pub(super) open: Cell<usize>,
    pub(super) opening: Semaphore,
    /// When subscribers came back.
    pub(super) returns: RefCell<Vec<Instant>>,
    /// Connections that were not accepted, or ended without an answer.
    pub(super) refused: Cell<u64>,
    /// Requests on connections that were kept and ended meanwhile.
    pub(super) repeated: Cell<u64>,
    pub(super) faults: Cell<u64>,
    pub(super) first_fault: RefCell<Option<String>>,
}

pub(super) fn add(count: &Cell<u64>) {
    count.set(count.get() + 1);
}

impl Shared {
    pub(super) fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            stop: Cell::default(),
            last: Cell::default(),
            open: Cell::default(),
            opening: Semaphore::new(OPENING),
            returns: RefCell::default(),
            refused: Cell::default(),
            repeated: Cell::default(),
            faults: Cell::default(),
            first_fault: RefCell::default(),
        }
    }

    pub(super) fn fault(&self, what: String) {
        add(&self.faults);
        self.first_fault.borrow_mut().get_or_insert(what);
    }

    /// Returns in the busiest second, in the mean one, and the time from the first to the last.
    pub(super) fn returns(&self) -> (usize, f64, Duration) {
        let mut returns = self.returns.borrow().clone();
        returns.sort_unstable();
        let second = Duration::from_secs(1);
        let within = |nth: usize, from: &Instant| {
            returns.get(nth..).unwrap_or_default().partition_point(|time| *time < *from + second)
        };
        let busiest = returns.iter().enumerate().map(|(nth, from)| within(nth, from)).max().unwrap_or(0);
        let time = match (returns.first(), returns.last()) {
            (Some(first), Some(last)) => *last - *first,
            _ => Duration::ZERO,
        };
        (busiest, returns.len() as f64 / time.max(second).as_secs_f64(), time)
    }
}
