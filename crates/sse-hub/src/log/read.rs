//! Reading from a log: what is asked for, and the page that answers it.

use std::sync::Arc;

use sse_core::Topic;

use super::record::Record;
use crate::policy::Policy;
use crate::selectors::Selectors;

/// What to read: the oldest records after a seq, in log order.
#[derive(Debug, Clone)]
pub struct Read {
    /// The topics.
    pub selectors: Selectors,
    /// Reading starts after this seq.
    pub after: u64,
    /// Removals that the reader has been told of, as [`Page::removals`] counts them; they are no loss to it. 0 for none.
    pub acknowledged_removals: u64,
    /// Which records of each topic.
    pub mode: ReadMode,
    /// Most records in the page.
    pub max_records: usize,
    /// Bytes of frames after which no further record is added to the page.
    pub max_bytes: u64,
}

/// Which records of a topic a read wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadMode {
    /// Every one.
    All,
    /// Of topics whose policy is [`SlowConsumer::Conflate`](crate::SlowConsumer::Conflate) the newest only, of the
    /// others every one.
    Conflated,
    /// The newest, and only of topics whose policy is `last_value`.
    LastValues,
}

/// What a read has found.
#[derive(Debug)]
pub struct Page {
    /// Oldest first.
    pub records: Vec<Arc<Record>>,
    /// The page holds every wanted record up to this seq.
    pub complete_to: u64,
    /// What it cannot give.
    pub lost: Lost,
    /// Removals as of this page.
    pub removals: u64,
}

/// What a read cannot give any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lost {
    /// Seq of the newest wanted record after the start of the read that was removed and not acknowledged, 0 when there is
    /// none.
    pub removed: u64,
    /// One of the topics with such a record disconnects slow consumers.
    pub disconnects: bool,
    /// Records were left out for newer ones of the same topic.
    pub conflated: bool,
    /// Records that an earlier epoch had acknowledged may be missing here.
    pub acknowledged: bool,
    /// Records are damaged where they are stored, and left out.
    pub damaged: bool,
}

/// One topic, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSummary {
    /// Its name.
    pub topic: Topic,
    /// How it is treated.
    pub policy: Policy,
    /// Records that are kept.
    pub count: usize,
    /// Bytes of their frames.
    pub bytes: u64,
    /// Seqs of the oldest and the newest record that is kept.
    pub span: Option<(u64, u64)>,
}

/// Which topics to list.
#[derive(Debug, Clone, Default)]
pub struct TopicList {
    /// Those that these want.
    pub selectors: Selectors,
    /// Those that begin with this.
    pub prefix: String,
    /// Those that come after this one.
    pub after: Option<Topic>,
    /// At most so many.
    pub limit: usize,
    /// Those with the newest records first, and not by name. Of a log with many topics only those that have one of its newest
    /// 8,192 records on disk, or in memory.
    pub newest_first: bool,
}

/// Topics that are listed at a time, which takes a tenth of a millisecond.
const LISTED_AT_ONCE: usize = 100;

impl TopicList {
    /// The list, part by part, so that nobody waits for all of it.
    pub(super) async fn collect(mut self, part: impl Fn(&Self) -> Vec<TopicSummary>) -> Vec<TopicSummary> {
        let (mut listed, limit) = (Vec::new(), self.limit);
        loop {
            self.limit = (limit - listed.len()).min(if self.newest_first { limit } else { LISTED_AT_ONCE });
            let mut next = part(&self);
            let is_last = next.len() < self.limit;
            listed.append(&mut next);
            if is_last || self.newest_first || listed.len() >= limit {
                return listed;
            }
            self.after = listed.last().map(|summary| summary.topic.clone());
            tokio::task::yield_now().await;
        }
    }
}

/// Why records could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log cannot be read: {0}")]
pub struct ReadError(pub String);
