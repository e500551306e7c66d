//! Ends the subscriptions of a worker a few at a time, so that its readers do not all come back at once. Those that were never
//! parked at the head of a feed are left: they end when the fan-out is shut down.

use std::rc::{Rc, Weak};

use super::feed::Feed;

/// The subscriptions that are still to be ended.
#[derive(Debug)]
pub struct Ending {
    feeds: Vec<Weak<Feed>>,
    /// Where the last feed goes on.
    next: usize,
    count: usize,
}

impl Ending {
    pub(super) fn of(feeds: Vec<Weak<Feed>>) -> Self {
        let count =
            feeds.iter().filter_map(Weak::upgrade).map(|feed| feed.with_parked(|parked| parked.len())).sum();
        Self { feeds, next: 0, count }
    }

    /// How many there were at first.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Ends so many more. Each is woken, and its next delivery is the end, as when the hub [stops](crate::EndReason::Shutdown).
    pub fn end(&mut self, mut most: usize) {
        while most > 0
            && let Some(feed) = self.feeds.last()
        {
            let end = |feed: Rc<Feed>| feed.with_parked(|parked| parked.end(self.next, most));
            let (ended, next) = feed.upgrade().map_or((0, None), end);
            most -= ended;
            self.next = next.unwrap_or(0);
            if next.is_none() {
                self.feeds.pop();
            }
        }
    }
}
