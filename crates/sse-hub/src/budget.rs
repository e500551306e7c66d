//! The budget of the process in bytes: what requests, answers and deliveries hold in memory is taken from it, and given back
//! when it is dropped. Counts what it is told; allocates nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::counters::Counters;

/// Part of the budget that is for subscribers, and for nothing else: who does not read refuses nobody
/// a request, and who makes requests cuts nobody off.
const DELIVERIES_SHARE: usize = 4;

/// Part of what requests may hold that is for small ones alone: large bodies that never end refuse nobody a small request.
const RESERVE_SHARE: usize = 4;

/// What is small. A thousand of them, as many connections as one address has, do not fill the reserve of the default.
const SMALL_BYTES: usize = 32 << 10;

/// Shared by all threads. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Accounts>);

#[derive(Debug)]
struct Accounts {
    requests: Account,
    deliveries: Account,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct Account {
    limit: usize,
    /// Of the limit, for small ones.
    reserve: usize,
    used: AtomicUsize,
}

/// Bytes of a [`Budget`], given back on drop.
#[derive(Debug)]
#[must_use = "dropping it gives the bytes back"]
pub struct Held {
    budget: Budget,
    account: fn(&Budget) -> &Account,
    bytes: usize,
    /// Counts as small, however large it is.
    is_small: bool,
}

impl Budget {
    /// What a hub has unless it is told otherwise: 256 MiB.
    pub const DEFAULT: usize = 256 << 20;

    /// A budget of so many bytes. Refusals are counted in [`Counters::budget_refusals`].
    pub fn new(bytes: usize, counters: Arc<Counters>) -> Self {
        let deliveries = bytes / DELIVERIES_SHARE;
        let requests = bytes - deliveries;
        let [requests, deliveries] = [(requests, requests / RESERVE_SHARE), (deliveries, 0)]
            .map(|(limit, reserve)| Account { limit, reserve, used: AtomicUsize::new(0) });
        Self(Arc::new(Accounts { requests, deliveries, counters }))
    }

    /// Takes bytes for a request or its answer, from the three quarters for these. A quarter of that is for those that hold
    /// little.
    pub fn try_hold(&self, bytes: usize) -> Option<Held> {
        self.held(Self::requests).grown(bytes)
    }

    /// As [`Self::try_hold`], for what every request needs: from all that requests may have.
    pub fn try_hold_small(&self, bytes: usize) -> Option<Held> {
        let mut held = self.held(Self::requests);
        held.is_small = true;
        held.grown(bytes)
    }

    /// As [`Self::try_hold`], as far as `held` has fewer. `false` if there are not so many; it has what it had then.
    #[must_use = "without them nothing may be held"]
    pub fn try_raise(&self, held: &mut Option<Held>, bytes: usize) -> bool {
        let more = bytes.saturating_sub(held.as_ref().map_or(0, Held::bytes));
        match held {
            _ if more == 0 => true,
            Some(held) => held.grow(more),
            None => {
                *held = self.try_hold(more);
                held.is_some()
            }
        }
    }

    /// Takes bytes for a subscriber, for its selectors or for what is on its way to it, from the quarter for that.
    pub fn try_hold_delivery(&self, bytes: usize) -> Option<Held> {
        self.held(Self::deliveries).grown(bytes)
    }

    /// Takes bytes that are on their way already, whether there is room for them or not.
    pub fn hold_delivery(&self, bytes: usize) -> Held {
        self.deliveries().used.fetch_add(bytes, Relaxed);
        let mut held = self.held(Self::deliveries);
        held.bytes = bytes;
        held
    }

    fn held(&self, account: fn(&Self) -> &Account) -> Held {
        Held { budget: self.clone(), account, bytes: 0, is_small: false }
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        [self.requests(), self.deliveries()].iter().map(|account| account.used.load(Relaxed)).sum()
    }

    /// Most bytes in use, but for what [`Self::hold_delivery`] adds.
    pub fn limit(&self) -> usize {
        self.requests().limit + self.deliveries().limit
    }

    fn requests(&self) -> &Account {
        &self.0.requests
    }

    fn deliveries(&self) -> &Account {
        &self.0.deliveries
    }
}

impl Held {
    /// Takes further bytes, or none and says `false`.
    #[must_use = "without them nothing may be held"]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let Account { limit, reserve, used } = (self.account)(&self.budget);
        let is_small = self.is_small || self.bytes.saturating_add(bytes) <= SMALL_BYTES;
        let most = if is_small { *limit } else { limit - reserve };
        let taken =
            used.fetch_update(Relaxed, Relaxed, |used| used.checked_add(bytes).filter(|used| *used <= most));
        match taken {
            Ok(_) => self.bytes += bytes,
            Err(_) => Counters::add(&self.budget.0.counters.budget_refusals, 1),
        }
        taken.is_ok()
    }

    fn grown(mut self, bytes: usize) -> Option<Self> {
        self.grow(bytes).then_some(self)
    }

    /// Gives back what is above so many bytes.
    pub fn shrink_to(&mut self, bytes: usize) {
        let excess = self.bytes.saturating_sub(bytes);
        self.bytes -= excess;
        (self.account)(&self.budget).used.fetch_sub(excess, Relaxed);
    }

    /// Bytes that are held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(bytes: usize) -> Budget {
        Budget::new(bytes, Arc::default())
    }

    fn refusals(budget: &Budget) -> u64 {
        Counters::get(&budget.0.counters.budget_refusals)
    }

    #[test]
    fn holds_up_to_its_limit_and_takes_back_on_drop() {
        let budget = budget(400);
        let mut held = budget.try_hold(200).unwrap();
        assert!(held.grow(100));
        assert!(!held.grow(1));
        assert!(budget.try_hold(1).is_none());
        assert_eq!((held.bytes(), budget.used(), refusals(&budget)), (300, 300, 2));
        held.shrink_to(50);
        assert_eq!((held.bytes(), budget.used()), (50, 50));
        drop(held);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn is_raised_by_what_is_missing() {
        let (budget, mut held) = (budget(400), None);
        assert!(budget.try_raise(&mut held, 0) && held.is_none());
        for (bytes, used) in [(200, 200), (100, 200), (300, 300)] {
            assert!(budget.try_raise(&mut held, bytes));
            assert_eq!(budget.used(), used);
        }
        assert!(!budget.try_raise(&mut held, 301) && !budget.try_raise(&mut None, 1));
        assert_eq!((budget.used(), refusals(&budget)), (300, 2));
    }

    #[test]
    fn what_is_there_already_is_counted_beyond_the_limit() {
        let budget = budget(400);
        let held = budget.hold_delivery(500);
        assert!(budget.try_hold_delivery(1).is_none());
        drop(held);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn what_is_large_leaves_room_for_what_is_small() {
        let budget = budget(4 << 20);
        let mut large = budget.try_hold(2 << 20).unwrap();
        assert!(!large.grow(1 << 20) && large.grow(256 << 10), "three quarters of three quarters");
        assert!(budget.try_hold(SMALL_BYTES + 1).is_none());
        let small: Vec<_> = std::iter::from_fn(|| budget.try_hold(SMALL_BYTES)).collect();
        assert_eq!(small.len() * SMALL_BYTES, 768 << 10, "up to the limit");
        drop(small);
        let mut growing = budget.try_hold(SMALL_BYTES).unwrap();
        assert!(!growing.grow(1));
        assert!(budget.try_hold_small(64 << 10).is_some());
    }

    #[test]
    fn requests_and_deliveries_do_not_take_from_each_other() {
        let budget = budget(400);
        let requests = budget.try_hold(300).unwrap();
        let deliveries = budget.try_hold_delivery(100).unwrap();
        assert!(budget.try_hold(1).is_none() && budget.try_hold_delivery(1).is_none());
        drop(requests);
        assert!(budget.try_hold_delivery(1).is_none() && budget.try_hold(300).is_some());
        drop(deliveries);
        assert!(budget.try_hold_delivery(usize::MAX).is_none());
        assert_eq!((budget.used(), budget.limit()), (0, 400));
    }
}
