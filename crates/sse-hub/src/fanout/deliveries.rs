//! What a worker has delivered, in figures. Plain numbers of one thread; counted by delivery and by pass.

use std::sync::Arc;
use std::time::Duration;

use crate::histogram::{EVENTS, Histogram, SECONDS};
use crate::log::Record;
use crate::tallies::{Tallies, Tally};

#[derive(Debug, Clone)]
pub(crate) struct Deliveries {
    pub(crate) by_rule: Tallies,
    /// Events in a delivery.
    pub(crate) sizes: Histogram,
    /// From the publish request to the write, one sample a delivery pass.
    pub(crate) delays: Histogram,
}

impl Default for Deliveries {
    fn default() -> Self {
        let (sizes, delays) = (Histogram::new(&EVENTS), Histogram::new(&SECONDS));
        Self { by_rule: Tallies::default(), sizes, delays }
    }
}

impl Deliveries {
    /// So many subscribers were given these records, each in one delivery.
    pub(crate) fn count(&mut self, records: &[Arc<Record>], subscribers: u64) {
        if records.is_empty() || subscribers == 0 {
            return;
        }
        self.sizes.add(records.len() as f64, subscribers);
        for record in records {
            let bytes = record.frame.len() as u64 * subscribers;
            self.by_rule.add(record.rule, Tally { events: subscribers, bytes });
        }
    }

    /// The first delivery of a pass was of what was published so long ago.
    pub(super) fn count_pass(&mut self, since: Duration) {
        self.delays.add_time(since);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.by_rule.merge(&other.by_rule);
        self.sizes.merge(&other.sizes);
        self.delays.merge(&other.delays);
    }
}
