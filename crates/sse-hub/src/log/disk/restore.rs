//! Builds the index from the file when a log is opened.

use std::collections::HashMap;
use std::sync::Arc;

use sse_core::Topic;

use super::store::{Meta, Store};
use crate::log::index::Index;
use crate::log::topic_index::{Entry, seconds};
use crate::policy::Policies;

/// What is known of a log that was just opened.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) meta: Meta,
    pub(super) index: Index,
    /// Row of each topic.
    pub(super) rows: HashMap<Arc<Topic>, i64>,
}

/// Reads everything but the frames.
///
/// Records in memory are gone. After a clean stop it is known which seqs they had; after a kill only that these
/// are at most the reserved ones, so for a reader of such a topic everything before is lost.
pub(super) fn restore(store: &Store, policies: Policies) -> rusqlite::Result<Restored> {
    let meta = store.meta()?;
    let mut index = Index::new(policies, meta.reserved);
    index.set_forgotten(meta.forgotten);
    let mut names = HashMap::new();
    let mut rows = HashMap::new();
    let mut lost = Vec::new();
    for row in store.topics()? {
        // The names were checked when they were stored; what else is in the file is not ours to touch.
        let Ok(topic) = Topic::new(row.name) else { continue };
        let Ok(topic) = index.intern(&topic) else { continue };
        index.set_removed(&topic, row.removed);
        if row.volatile && !meta.clean {
            lost.push(Arc::clone(&topic));
        }
        names.insert(row.id, Arc::clone(&topic));
        rows.insert(topic, row.id);
    }
    store.each_record(|row| {
        if let Some(topic) = names.get(&row.topic) {
            let seconds = seconds(row.time);
            index.restore(topic, Entry { seq: row.seq, seconds, bytes: row.bytes, record: None });
        }
    })?;
    let head = index.head();
    lost.iter().for_each(|topic| index.set_removed(topic, head));
    for (key, receipt, time) in store.keys()? {
        index.keys().insert(key.into(), receipt, time);
    }
    Ok(Restored { meta, index, rows })
}
