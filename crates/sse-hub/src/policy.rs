//! Policies: durability, retention and the treatment of slow consumers, by topic pattern.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sse_core::{Selector, Topic};

use crate::selectors::Selectors;

/// When a publisher is answered, and what a crash may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// On disk, fsynced, before the answer and before any subscriber sees it.
    Disk,
    /// In memory: gone with the process.
    Memory,
}

/// What happens to a subscriber that cannot keep up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SlowConsumer {
    /// Its connection ends once retention has removed events it has not received; it resumes by id and is told of the
    /// gap.
    #[serde(alias = "cut")]
    Disconnect,
    /// It is told of the gap and goes on with the oldest event that is kept.
    #[serde(alias = "skip")]
    DropOldest,
    /// As soon as it falls behind the ring of its feed it is told of the gap and gets the newest event of each topic.
    #[serde(alias = "latest")]
    Conflate,
}

/// How much of a topic is kept. What exceeds a limit is removed, oldest first. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events.
    pub count: Option<usize>,
    /// Time since publishing.
    pub age: Option<Duration>,
    /// Bytes of frames.
    pub bytes: Option<u64>,
}

/// How one topic is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// When a publisher is answered.
    pub durability: Durability,
    /// How much is kept.
    pub retention: Retention,
    /// What happens to a subscriber that cannot keep up.
    pub slow_consumer: SlowConsumer,
    /// A subscriber that starts without an id is sent the newest event first.
    pub last_value: bool,
    /// A topic goes, with all that is kept, when nobody has published to it, or had it open by name, for so long. `None`: it
    /// stays.
    pub idle: Option<Duration>,
}

impl Default for Retention {
    /// 100,000 events, 7 days, 256 MiB a topic.
    fn default() -> Self {
        Self { count: Some(100_000), age: Some(Duration::from_secs(7 * 24 * 3600)), bytes: Some(256 << 20) }
    }
}

impl Policy {
    /// On disk; slow consumers are disconnected; no last value.
    pub const fn on_disk(retention: Retention) -> Self {
        Self {
            durability: Durability::Disk,
            retention,
            slow_consumer: SlowConsumer::Disconnect,
            last_value: false,
            idle: None,
        }
    }

    /// In memory, for what is of use only while it is new; slow consumers get the newest event of each topic; no last
    /// value.
    pub const fn in_memory(retention: Retention) -> Self {
        let (durability, slow_consumer) = (Durability::Memory, SlowConsumer::Conflate);
        Self { durability, slow_consumer, ..Self::on_disk(retention) }
    }
}

impl Default for Policy {
    /// On disk, within the default retention.
    fn default() -> Self {
        Self::on_disk(Retention::default())
    }
}

/// What the log holds in all. Bytes are those of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimits {
    /// Topics.
    pub topics: usize,
    /// Bytes of one topic in memory; the oldest events beyond it expire.
    pub memory_topic: u64,
    /// Bytes of all topics in memory. What would pass it pushes out the oldest of its own topic, or is refused.
    pub memory_topics: u64,
    /// Bytes of all topics on disk; `None` for no limit. What would pass it is refused.
    pub disk: Option<u64>,
    /// Bytes of the disk that stay free; `None` for the smaller of a twentieth and 1 GiB. With less, nothing is stored on disk.
    pub free: Option<u64>,
}

impl Default for LogLimits {
    /// 1,000,000 topics, 32 MiB a topic in memory, 128 MiB of them, no limit on disk but its free space.
    fn default() -> Self {
        Self { topics: 1_000_000, memory_topic: 32 << 20, memory_topics: 128 << 20, disk: None, free: None }
    }
}

/// The policies of all topics: the first pattern that matches decides, and [`Policy::default`] if none does. And the limits
/// of the log that keeps them.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    rules: Vec<(Selector, Policy)>,
    /// Of the rules, which keep theirs when the policies change. 0 is the default's.
    numbers: Vec<u32>,
    by_number: Vec<Policy>,
    limits: LogLimits,
    reserved: Vec<Selector>,
}

impl Policies {
    /// These rules, in this order.
    pub fn new(rules: Vec<(Selector, Policy)>) -> Self {
        Self { rules, ..Self::default() }.numbered_after(&Self::default())
    }

    /// The same policies, in which the rule of a pattern has the number that it had before.
    pub(crate) fn numbered_after(mut self, old: &Self) -> Self {
        self.by_number = vec![Policy::default(); old.by_number.len().max(1)];
        self.numbers.clear();
        for (pattern, policy) in &self.rules {
            let before =
                old.numbered().find(|(number, known)| *known == pattern && !self.numbers.contains(number));
            let next = u32::try_from(self.by_number.len()).unwrap_or(u32::MAX);
            let number = before.map_or(next, |(number, _)| number);
            match self.by_number.get_mut(number as usize) {
                Some(of_number) => *of_number = *policy,
                None => self.by_number.push(*policy),
            }
            self.numbers.push(number);
        }
        self
    }

    /// The same policies for a log with these limits.
    pub fn with_limits(self, limits: LogLimits) -> Self {
        Self { limits, ..self }
    }

    /// The same policies, with places for topics that these selectors match: others cannot take them.
    pub fn with_reserved(self, reserved: Vec<Selector>) -> Self {
        Self { reserved, ..self }
    }

    /// The same policies, but no topic goes when it is idle.
    pub(crate) fn without_idle(mut self) -> Self {
        self.rules.iter_mut().for_each(|(_, policy)| policy.idle = None);
        self
    }

    /// Has this topic a place that others cannot take? `None` if nothing is reserved.
    pub(crate) fn is_reserved(&self, topic: &Topic) -> Option<bool> {
        let matches = || self.reserved.iter().any(|selector| selector.matches(topic));
        (!self.reserved.is_empty()).then(matches)
    }

    pub(crate) fn limits(&self) -> LogLimits {
        self.limits
    }

    /// How `topic` is treated.
    pub fn of(&self, topic: &Topic) -> Policy {
        self.by_rule(self.rule(topic))
    }

    /// Number of the rule for `topic`.
    pub(crate) fn rule(&self, topic: &Topic) -> u32 {
        self.numbered().find(|(_, pattern)| pattern.matches(topic)).map_or(0, |(number, _)| number)
    }

    /// Patterns of the rules, in their order, with their numbers.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u32, &Selector)> {
        self.numbers.iter().zip(&self.rules).map(|(number, (pattern, _))| (*number, pattern))
    }

    /// Number of the rule that all of these topics follow, if it is one.
    pub(crate) fn rule_of_all(&self, selectors: &Selectors) -> Option<u32> {
        let mut rules = selectors.iter().map(|selector| self.rule_of_selector(selector));
        let first = rules.next()??;
        rules.all(|rule| rule == Some(first)).then_some(first)
    }

    fn rule_of_selector(&self, selector: &Selector) -> Option<u32> {
        match self.numbered().find(|(_, pattern)| pattern.overlaps(selector)) {
            Some((number, pattern)) => pattern.contains(selector).then_some(number),
            None => Some(0),
        }
    }

    pub(crate) fn by_rule(&self, rule: u32) -> Policy {
        self.by_number.get(rule as usize).copied().unwrap_or_default()
    }

    /// Can one of the topics be in memory?
    pub(crate) fn may_be_in_memory(&self, selectors: &Selectors) -> bool {
        let in_memory = |policy: &Policy| policy.durability == Durability::Memory;
        match selectors.exact() {
            Some(mut topics) => topics.any(|topic| in_memory(&self.of(topic))),
            None => {
                let mut rules = self.rules.iter().filter(|(_, policy)| in_memory(policy));
                rules.any(|(pattern, _)| selectors.iter().any(|selector| selector.overlaps(pattern)))
            }
        }
    }

    /// Do topics go when they are idle?
    pub(crate) fn any_idle(&self) -> bool {
        self.rules.iter().any(|(_, policy)| policy.idle.is_some())
    }

    /// Does any topic have a last value?
    pub(crate) fn any_last_value(&self) -> bool {
        self.rules.iter().any(|(_, policy)| policy.last_value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_follow_one_rule_or_several() {
        let rules = ["a/b", "a/*"].map(|pattern| (pattern.parse().unwrap(), Policy::default()));
        let policies = Policies::new(rules.into());
        let of = |selectors: &[&str]| {
            let selectors = selectors.iter().map(|selector| selector.parse().unwrap()).collect();
            policies.rule_of_all(&Selectors::new(selectors).unwrap())
        };
        let found = [of(&["a/b"]), of(&["a/c", "a/d/*"]), of(&["c", "c/*"])];
        assert_eq!(found, [Some(1), Some(2), Some(0)]);
        assert_eq!([of(&["a/*"]), of(&["*"]), of(&["a/c", "c"])], [None; 3]);
    }

    #[test]
    fn a_rule_keeps_its_number_when_others_come_and_go() {
        let policies = |patterns: &[&str]| {
            let rule = |pattern: &&str| (pattern.parse().unwrap(), Policy::default());
            Policies::new(patterns.iter().map(rule).collect())
        };
        let numbers = |policies: &Policies| policies.numbered().map(|(number, _)| number).collect::<Vec<_>>();
        let first = policies(&["a", "b", "b"]);
        let second = policies(&["c", "b", "b", "b"]).numbered_after(&first);
        let third = policies(&["a", "c"]).numbered_after(&second);
        assert_eq!(
            [numbers(&first), numbers(&second), numbers(&third)],
            [vec![1, 2, 3], vec![4, 2, 3, 5], vec![6, 4]]
        );
        assert_eq!(third.rule(&Topic::new("c").unwrap()), 4);
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let [mine, other] = [true, false].map(|last_value| Policy { last_value, ..Policy::default() });
        let rules = vec![("a/b".parse().unwrap(), mine), ("a/*".parse().unwrap(), other)];
        let of = |name: &str| Policies::new(rules.clone()).of(&Topic::new(name).unwrap());
        assert_eq!((of("a/b"), of("a/c"), of("c")), (mine, other, Policy::default()));
    }
}
