//! The limits of the log as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use sse_core::Topic;

use super::{Index, first_segment};
use crate::log::append::{AppendError, LimitedBytes};
use crate::log::record::Record;
use crate::log::topic_index::Totals;

/// Most reserved topics for which there is a place.
const MAX_RESERVED: usize = 2000;

impl Index {
    /// Is there a place for this topic, which is a new one?
    ///
    /// When three quarters of the places are taken, topics with the same first segment can have a quarter at most.
    pub(super) fn check_place(&self, topic: &Topic) -> Result<(), AppendError> {
        let (most, count) = (self.policies.limits().topics, self.topics.len());
        let reserved = self.policies.is_reserved(topic);
        let kept_free = if reserved == Some(false) { (most / 5).min(MAX_RESERVED) } else { 0 };
        let max = most - kept_free;
        if count >= max {
            return Err(AppendError::TooManyTopics { max });
        }
        let (segment, share) = (first_segment(topic.as_str()), most / 4);
        let is_scarce = reserved != Some(true) && count >= most / 4 * 3;
        if is_scarce && self.topics.share(segment) >= share {
            return Err(AppendError::TooManyTopicsBelow { segment: segment.into(), max: share });
        }
        Ok(())
    }

    /// Is there room for these records, which are not in the index yet, behind `waiting` bytes of others?
    pub(super) fn check_limits(
        &self,
        records: &[Arc<Record>],
        waiting: &mut Totals,
    ) -> Result<(), AppendError> {
        let limits = self.policies.limits();
        let mut new = *waiting;
        let mut own = HashMap::new();
        for record in records {
            let bytes = record.frame.len() as u64;
            if record.in_memory {
                new.in_memory += bytes;
                own.entry(record.topic_id)
                    .or_insert_with(|| self.topics.get(record.topic_id).map_or(0, |topic| topic.bytes));
            } else {
                new.on_disk += bytes;
            }
        }
        // A topic in memory gives up its own oldest.
        let others = self.totals.in_memory.saturating_sub(own.values().sum());
        if !own.is_empty() && others + new.in_memory > limits.memory_topics {
            return Err(AppendError::OverLimit {
                what: LimitedBytes::MemoryTopics,
                max: limits.memory_topics,
            });
        }
        if let Some(max) = limits.disk
            && new.on_disk > waiting.on_disk
            && self.totals.on_disk + new.on_disk > max
        {
            return Err(AppendError::OverLimit { what: LimitedBytes::DiskTopics, max });
        }
        *waiting = new;
        Ok(())
    }
}
