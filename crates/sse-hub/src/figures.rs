//! Figures: what a hub has done and holds, as whoever exports it reads it.

use sse_core::Selector;
use tokio::sync::oneshot;

use crate::fanout::survey::Survey;
use crate::histogram::Histogram;
use crate::hub::Hub;
use crate::log::LogFigures;
use crate::tallies::Tally;

/// Of all workers and the log. Totals are since the start.
#[derive(Debug)]
pub struct Figures {
    /// By the patterns of the policies, those that decide first first. The last but one are topics that match none, the last
    /// subscribers whose topics match several.
    pub patterns: Vec<(PatternName, PatternFigures)>,
    /// Events in a delivery.
    pub delivery_sizes: Histogram,
    /// Seconds from the publish request to the write, one sample a delivery pass.
    pub delivery_delays: Histogram,
    /// Events that the slowest subscriber is behind, of those that were at the head once.
    pub lag: u64,
    /// The log's.
    pub log: LogFigures,
}

/// Which topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternName {
    /// Those that this pattern decides about.
    Pattern(Selector),
    /// Those that no pattern matches.
    Default,
    /// Those of subscribers who want topics of several patterns.
    Several,
}

/// Of the topics of one pattern.
#[derive(Debug, Clone, Copy, Default)]
pub struct PatternFigures {
    /// Subscriptions.
    pub subscribers: u64,
    /// Events that were published.
    pub published: Tally,
    /// Events that were given to subscribers.
    pub delivered: Tally,
}

impl Hub {
    /// What the hub has done and holds. Waits for each worker's turn.
    pub async fn figures(&self) -> Figures {
        let mut survey = Survey::default();
        for worker in self.workers() {
            let (reply, answer) = oneshot::channel();
            // One that is gone has no subscribers.
            if worker.send(reply).await.is_ok()
                && let Ok(of_worker) = answer.await
            {
                survey.merge(&of_worker);
            }
        }
        let log = self.log().figures();
        let figures = |rule: Option<usize>| PatternFigures {
            subscribers: survey.subscribers(rule.and_then(|rule| u32::try_from(rule).ok())),
            published: rule.map(|rule| log.published.of(rule)).unwrap_or_default(),
            delivered: rule.map(|rule| survey.deliveries.by_rule.of(rule)).unwrap_or_default(),
        };
        let policies = self.policies();
        let names =
            policies.numbered().map(|(rule, name)| (rule as usize, PatternName::Pattern(name.clone())));
        let mut patterns: Vec<(PatternName, PatternFigures)> = Vec::new();
        for (rule, name) in names.chain([(0, PatternName::Default)]) {
            // Of two that are the same the first decides.
            if !patterns.iter().any(|(known, _)| *known == name) {
                patterns.push((name, figures(Some(rule))));
            }
        }
        patterns.push((PatternName::Several, figures(None)));
        Figures {
            patterns,
            delivery_sizes: survey.deliveries.sizes,
            delivery_delays: survey.deliveries.delays,
            lag: survey.lag,
            log,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sse_core::{Event, Topic};
    use tokio::time::timeout;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::policy::{Policies, Policy};
    use crate::{Fanout, Selectors, Start, Subscription};

    async fn subscribe(fanout: &Fanout, selector: &str) -> Subscription {
        let selectors = Selectors::new(vec![selector.parse().unwrap()]).unwrap();
        let mut subscription = fanout.subscribe(selectors, Start::Now).await.unwrap();
        assert!(timeout(Duration::ZERO, subscription.next()).await.is_err(), "parked");
        subscription
    }

    #[tokio::test]
    async fn they_tell_what_was_given_to_whom_and_how_far_the_slowest_is_behind() {
        let rule = ("a/*".parse().unwrap(), Policy::default());
        let hub = Hub::in_memory(&Policies::new(vec![rule.clone(), rule]));
        let test = async {
            let fanout = Fanout::start(hub.clone(), CancellationToken::new());
            let mut slow = subscribe(&fanout, "a/1").await;
            let _all = subscribe(&fanout, "*").await;
            for _ in 0..3 {
                hub.publish(Topic::new("a/1").unwrap(), Event::new("x")).await.unwrap();
            }
            hub.publish(Topic::new("b").unwrap(), Event::new("x")).await.unwrap();
            tokio::task::yield_now().await;
            let before = hub.figures().await;
            slow.next().await;
            let after = hub.figures().await;
            assert_eq!((before.lag, before.delivery_sizes.count()), (4, 0), "the one that wants all");
            assert_eq!((after.lag, after.delivery_sizes.sum(), after.delivery_delays.count()), (4, 3.0, 1));
            let [(first, own), (_, default), (_, several)] = &after.patterns[..] else { panic!("{after:?}") };
            assert_eq!(first, &PatternName::Pattern("a/*".parse().unwrap()));
            let figures =
                [own, default, several].map(|of| (of.subscribers, of.published.events, of.delivered.events));
            assert_eq!(figures, [(1, 3, 3), (0, 1, 0), (1, 0, 0)]);
            assert_eq!((after.log.topics, after.log.events, after.log.removed), (2, 4, 0));
        };
        tokio::task::LocalSet::new().run_until(test).await;
    }
}
