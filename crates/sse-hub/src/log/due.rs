//! When each topic is looked at next, so that what is not due costs nothing.

use std::collections::BTreeMap;

use super::topics::TopicId;

/// Topics by the time at which they are due, in seconds of log time. A topic that is due at another time by now is
/// passed over when this one comes.
#[derive(Debug, Default)]
pub(super) struct Due(BTreeMap<i64, Vec<TopicId>>);

impl Due {
    pub(super) fn add(&mut self, time: i64, topic: TopicId) {
        self.0.entry(time).or_default().push(topic);
    }

    /// The topics of the earliest time that has come, and that time.
    pub(super) fn next(&mut self, now: i64) -> Option<(i64, Vec<TopicId>)> {
        let earliest = self.0.first_entry()?;
        (*earliest.key() <= now).then(|| earliest.remove_entry())
    }
}
