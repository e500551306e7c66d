//! Builds the index from the file when a log is opened, and begins its epoch.

use std::collections::HashMap;
use std::sync::Arc;

use sse_core::Topic;

use super::store::Store;
use crate::log::epochs::{Epochs, MAX_EPOCHS, PastEpoch};
use crate::log::index::Index;
use crate::log::log_time::{LogTime, Reading};
use crate::log::topic_index::{Entry, seconds};
use crate::policy::Policies;

/// Most places of loss that are kept apart; a reader that is behind an older one is told of a gap at its start.
const MAX_LOSSES: usize = 1000;

/// What is known of a log that was just opened.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) clean: bool,
    pub(super) epochs: Epochs,
    /// See [`Log::durable_head`](crate::Log::durable_head).
    pub(super) durable_head: u64,
    pub(super) index: Index,
    /// Row of each topic.
    pub(super) rows: HashMap<Arc<Topic>, i64>,
}

/// Reads everything but the frames. `lost`: acknowledged records may be missing at the end.
///
/// Records in memory are gone. After a clean stop it is known which seqs they had; after a kill only that these
/// are at most the reserved ones, so for a reader of such a topic everything before is lost.
pub(super) fn restore(store: &Store, policies: Policies, lost: bool) -> rusqlite::Result<Restored> {
    let meta = store.meta()?;
    let mut index = Index::new(policies, meta.reserved);
    index.set_forgotten(meta.forgotten);
    let topics = restore_topics(store, &mut index)?;
    let (newest, damaged) = restore_records(store, &topics.names, &mut index)?;
    let losses = all_losses(store.losses()?, damaged);
    let on_disk = losses.last().copied().max(newest.map(|(seq, _)| seq)).max(Some(topics.removed));
    let mut durable_head = meta.forgotten.max(on_disk.unwrap_or(0));
    if meta.clean {
        durable_head = durable_head.max(meta.reserved);
    } else {
        let head = index.head();
        topics.volatile.iter().for_each(|topic| index.set_removed(topic, head));
    }
    restore_losses(&mut index, losses);
    let knows_all_ids = meta.clean || (topics.volatile.is_empty() && !lost);
    let past = ended(store.epochs(durable_head)?, knows_all_ids);
    if lost {
        durable_head = index.head() + 1;
        index.add_loss(durable_head);
    }
    // A loss has the first seq for itself.
    let epochs = Epochs::after(past, if lost { index.head() } else { index.head() + 1 });
    *index.log_time() = LogTime::with_segments(store.segments()?);
    let next = index.head() + 1;
    index.log_time().start(newest, next, Reading::now());
    for (key, receipt, time) in store.keys()? {
        index.keys().insert(key.into(), receipt, time);
    }
    Ok(Restored { clean: meta.clean, epochs, durable_head, index, rows: topics.rows })
}

/// The topics of the file.
#[derive(Default)]
struct Topics {
    /// By row.
    names: HashMap<i64, Arc<Topic>>,
    rows: HashMap<Arc<Topic>, i64>,
    /// Those that were in memory.
    volatile: Vec<Arc<Topic>>,
    /// Newest seq that was removed of one of them.
    removed: u64,
}

fn restore_topics(store: &Store, index: &mut Index) -> rusqlite::Result<Topics> {
    let mut topics = Topics::default();
    for row in store.topics()? {
        // The names were checked when they were stored. Records of one that is none any more count as damaged.
        let Ok(topic) = Topic::new(row.name) else { continue };
        let topic = index.restore_topic(topic);
        index.set_removed(&topic, row.removed);
        topics.removed = topics.removed.max(row.removed);
        if row.volatile {
            topics.volatile.push(Arc::clone(&topic));
        }
        topics.names.insert(row.id, Arc::clone(&topic));
        topics.rows.insert(topic, row.id);
    }
    Ok(topics)
}

/// Gives seq and time of the newest record, and the seqs behind which some are damaged.
#[expect(clippy::type_complexity, reason = "said above")]
fn restore_records(
    store: &Store,
    names: &HashMap<i64, Arc<Topic>>,
    index: &mut Index,
) -> rusqlite::Result<(Option<(u64, u64)>, Vec<u64>)> {
    let (mut newest, mut without_topic) = (None, Vec::new());
    let mut damaged = store.each_record(|row| {
        let Some(topic) = names.get(&row.topic) else {
            return without_topic.push(row.seq.saturating_sub(1));
        };
        newest = Some((row.seq, row.time));
        let seconds = seconds(row.time);
        index.restore(topic, Entry { seq: row.seq, seconds, bytes: row.bytes, record: None });
    })?;
    damaged.extend(without_topic);
    Ok((newest, damaged))
}

/// The places of loss that are stored, and those behind these seqs.
fn all_losses(mut losses: Vec<u64>, damaged: Vec<u64>) -> Vec<u64> {
    if !damaged.is_empty() {
        let places = damaged.len();
        tracing::error!(places, "the log has damaged rows; readers that pass them are told by a gap");
        losses.extend(damaged.into_iter().map(|last| last + 1));
        losses.sort_unstable();
        losses.dedup();
    }
    losses
}

/// The epochs worth keeping: the first, and of the others those that have given out ids, as far as there are not too many.
fn ended(mut epochs: Vec<PastEpoch>, knows_all_ids: bool) -> Vec<PastEpoch> {
    if knows_all_ids && epochs.len() > 1 {
        epochs.pop_if(|epoch| epoch.last < epoch.first);
    }
    let too_many = (epochs.len() + 1).saturating_sub(MAX_EPOCHS);
    epochs.drain(..too_many);
    epochs
}

fn restore_losses(index: &mut Index, losses: Vec<u64>) {
    let folded = losses.len().saturating_sub(MAX_LOSSES - 1);
    let (old, kept) = losses.split_at(folded);
    index.set_forgotten(old.last().copied().unwrap_or(0));
    kept.iter().for_each(|seq| index.add_loss(*seq));
}
