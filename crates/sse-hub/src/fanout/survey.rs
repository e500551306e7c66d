//! Survey: what the subscribers of a worker are at the moment somebody asks. Goes over its feeds, a few at a time.

use std::rc::Weak;

use tokio::sync::{mpsc, oneshot};

use super::deliveries::Deliveries;
use super::feeds::Feeds;
use crate::policy::Policies;

/// Feeds that are looked at before other tasks of the worker get their turn: a tenth of a millisecond's work.
const FEEDS_AT_ONCE: usize = 256;

/// The way to a worker that is asked for its survey.
pub(crate) type SurveySender = mpsc::Sender<oneshot::Sender<Survey>>;

/// Of one worker, or of several.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) deliveries: Deliveries,
    /// Subscribers by the rule that all of their topics follow; `None` for those whose topics follow several.
    pub(crate) subscribers: Vec<(Option<u32>, u64)>,
    /// Events that the slowest subscriber is behind.
    pub(crate) lag: u64,
}

impl Survey {
    pub(super) async fn of(feeds: &Feeds, policies: &Policies) -> Self {
        let mut survey = Self::default();
        let mut next = 0;
        while let Some(some) = feeds.some(next, FEEDS_AT_ONCE) {
            for feed in some.iter().filter_map(Weak::upgrade) {
                // Without ours.
                let subscribers = feed.subscribers(1);
                survey.add(policies.rule_of_all(feed.selectors()), subscribers);
                survey.lag = survey.lag.max(feed.lag());
            }
            next += FEEDS_AT_ONCE;
            tokio::task::yield_now().await;
        }
        survey.deliveries = feeds.window.borrow().deliveries.clone();
        survey
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.deliveries.merge(&other.deliveries);
        other.subscribers.iter().for_each(|(rule, subscribers)| self.add(*rule, *subscribers));
        self.lag = self.lag.max(other.lag);
    }

    pub(crate) fn subscribers(&self, rule: Option<u32>) -> u64 {
        let of_rule = self.subscribers.iter().find(|(known, _)| *known == rule);
        of_rule.map_or(0, |(_, subscribers)| *subscribers)
    }

    fn add(&mut self, rule: Option<u32>, subscribers: u64) {
        match self.subscribers.iter_mut().find(|(known, _)| *known == rule) {
            Some((_, of_rule)) => *of_rule += subscribers,
            None => self.subscribers.push((rule, subscribers)),
        }
    }
}
