//! The budget of the process in bytes: what requests, answers and rings hold in memory is taken from it, and given back
//! when it is dropped. Counts what it is told; allocates nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::counters::Counters;

/// Part of the budget that only pages of the log may use, so that subscribers that are behind catch up, and thereby
/// let go of what they hold, while everything else is refused.
const PAGES_SHARE: usize = 4;

/// Shared by all threads. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    limit: usize,
    used: AtomicUsize,
    counters: Arc<Counters>,
}

/// Bytes of a [`Budget`], given back on drop.
#[derive(Debug)]
#[must_use = "dropping it gives the bytes back"]
pub struct Held {
    budget: Budget,
    bytes: usize,
    /// What may be in use with these bytes.
    limit: usize,
}

impl Budget {
    /// What a hub has unless it is told otherwise: 256 MiB.
    pub const DEFAULT: usize = 256 << 20;

    /// A budget of so many bytes. Refusals are counted in [`Counters::budget_refusals`].
    pub fn new(bytes: usize, counters: Arc<Counters>) -> Self {
        Self(Arc::new(Account { limit: bytes, used: AtomicUsize::new(0), counters }))
    }

    /// Takes bytes from the three quarters that are for everybody.
    pub fn try_hold(&self, bytes: usize) -> Option<Held> {
        self.hold_below(bytes, self.limit() - self.limit() / PAGES_SHARE)
    }

    /// Takes bytes for a page of the log, which may also use the last quarter.
    pub fn try_hold_page(&self, bytes: usize) -> Option<Held> {
        self.hold_below(bytes, self.limit())
    }

    /// Takes bytes that are in use whether there is room for them or not.
    pub fn hold(&self, bytes: usize) -> Held {
        self.0.used.fetch_add(bytes, Relaxed);
        Held { budget: self.clone(), bytes, limit: self.limit() }
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.0.used.load(Relaxed)
    }

    /// Most bytes in use, but for what [`Self::hold`] adds.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    fn hold_below(&self, bytes: usize, limit: usize) -> Option<Held> {
        let mut held = Held { budget: self.clone(), bytes: 0, limit };
        held.grow(bytes).then_some(held)
    }
}

impl Held {
    /// Takes further bytes, or none and says `false`.
    #[must_use = "without them nothing may be held"]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let Account { used, counters, .. } = &*self.budget.0;
        let taken = used.fetch_update(Relaxed, Relaxed, |used| {
            used.checked_add(bytes).filter(|used| *used <= self.limit)
        });
        match taken {
            Ok(_) => self.bytes += bytes,
            Err(_) => Counters::add(&counters.budget_refusals, 1),
        }
        taken.is_ok()
    }

    /// Gives back what is above so many bytes.
    pub fn shrink_to(&mut self, bytes: usize) {
        let excess = self.bytes.saturating_sub(bytes);
        self.bytes -= excess;
        self.budget.0.used.fetch_sub(excess, Relaxed);
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
    fn what_is_there_already_is_counted_beyond_the_limit() {
        let budget = budget(400);
        let held = budget.hold(500);
        assert!(budget.try_hold_page(1).is_none());
        drop(held);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn only_pages_use_the_last_quarter() {
        let budget = budget(400);
        let others = budget.try_hold(300).unwrap();
        let page = budget.try_hold_page(60).unwrap();
        assert!(budget.try_hold_page(41).is_none());
        drop(others);
        // What pages hold counts for everybody.
        assert!(budget.try_hold(241).is_none());
        assert!(budget.try_hold(240).is_some());
        drop(page);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_size_that_overflows_is_refused() {
        let budget = budget(usize::MAX);
        let held = budget.try_hold(10);
        assert!(budget.try_hold_page(usize::MAX).is_none());
        assert_eq!(budget.used(), held.unwrap().bytes());
    }

    #[test]
    fn threads_never_hold_more_together_than_there_is() {
        let budget = budget(400);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for bytes in 1..2_000 {
                        let held = budget.try_hold(bytes % 90);
                        assert!(budget.used() <= 300);
                        drop(held);
                    }
                });
            }
        });
        assert_eq!(budget.used(), 0);
    }
}
