//! The limits of the log as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use super::Index;
use crate::log::append::{AppendError, LimitedBytes};
use crate::log::record::Record;
use crate::log::topic_index::Totals;

impl Index {
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
                own.entry(&record.topic)
                    .or_insert_with(|| self.topics.get(&record.topic).map_or(0, |kept| kept.bytes));
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
