//! How much one subject may have, from wherever it asks: who holds tokens with the same `sub`.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use sse_hub::Counters;

use super::connections::{Connections, Slot};
use super::rate::{Rate, RateLimited};

/// What one subject may do. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SubjectLimits {
    /// Event streams opened in a second.
    pub(crate) subscribes: Option<NonZeroU32>,
    /// All other requests that are asked for a token, in a second.
    pub(crate) requests: Option<NonZeroU32>,
    /// Event streams at the same time.
    pub(crate) connections: Option<NonZeroU32>,
}

/// The limits by subject.
#[derive(Debug)]
pub(super) struct Subjects {
    subscribes: Option<Rate<String>>,
    requests: Option<Rate<String>>,
    connections: Connections<String>,
    counters: Arc<Counters>,
}

impl Default for SubjectLimits {
    fn default() -> Self {
        Self {
            subscribes: NonZeroU32::new(50),
            requests: NonZeroU32::new(1000),
            connections: NonZeroU32::new(1000),
        }
    }
}

impl SubjectLimits {
    /// Where there are no tokens.
    pub(crate) const NONE: Self = Self { subscribes: None, requests: None, connections: None };
}

impl Subjects {
    pub(super) fn new(limits: SubjectLimits, counters: Arc<Counters>) -> Self {
        Self {
            subscribes: limits.subscribes.map(Rate::of_seconds),
            requests: limits.requests.map(Rate::of_seconds),
            connections: Connections::new(limits.connections),
            counters,
        }
    }

    pub(super) fn count_on(&mut self, old: &Self) {
        self.connections.count_on(&old.connections);
    }

    /// Counts a request of this subject; `None` is never limited.
    pub(super) fn request(&self, subject: Option<&String>) -> Result<(), RateLimited> {
        check(self.requests.as_ref().zip(subject), &self.counters.refused_requests)
    }

    /// Counts an event stream that is to be opened.
    pub(super) fn subscribe(&self, subject: Option<&String>) -> Result<(), RateLimited> {
        check(self.subscribes.as_ref().zip(subject), &self.counters.refused_subscribes)
    }

    /// A place for an event stream.
    pub(super) fn connect(&self, subject: Option<&String>) -> Option<Slot<String>> {
        let slot = self.connections.take(subject.cloned());
        if slot.is_none() {
            Counters::add(&self.counters.refused_subscribes, 1);
            tracing::warn!(target: "request", subject, "refused: too many event streams of this subject");
        }
        slot
    }
}

fn check(limited: Option<(&Rate<String>, &String)>, refused: &AtomicU64) -> Result<(), RateLimited> {
    let Some((rate, subject)) = limited else { return Ok(()) };
    // Under a target that is not ours, so that it is limited as foreign lines are: to one a minute.
    rate.check(subject).inspect_err(|limited| {
        Counters::add(refused, 1);
        tracing::warn!(target: "request", subject, "refused: {limited}");
    })
}
