//! What is kept of a topic, how safely, and what happens to a reader that is too slow. By topic pattern.

use std::time::Duration;

use sse_core::{Selector, Topic};

/// When a publisher is answered, and what a crash may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// On disk, fsynced, before the answer and before any reader sees it.
    Disk,
    /// In memory: gone with the process.
    Memory,
}

/// What happens to a reader that cannot keep up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlowReader {
    /// Its stream ends once events it has not got are removed; it comes back by id and is told of the gap.
    Cut,
    /// It is told of the gap and goes on with the oldest event that is kept.
    Skip,
    /// As soon as it falls behind the newest events held for live readers it is told of the gap and gets the
    /// newest event of the topic.
    Latest,
}

/// How much of a topic is kept. What passes one of the limits is removed, oldest first. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retain {
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
    pub retain: Retain,
    /// What happens to a reader that cannot keep up.
    pub slow_reader: SlowReader,
    /// Send the newest event to a reader that starts without an id.
    pub last_value: bool,
}

impl Default for Policy {
    /// On disk; 100,000 events, 7 days, 256 MiB a topic; slow readers are cut; no last value.
    fn default() -> Self {
        let retain = Retain {
            count: Some(100_000),
            age: Some(Duration::from_secs(7 * 24 * 3600)),
            bytes: Some(256 << 20),
        };
        Self { durability: Durability::Disk, retain, slow_reader: SlowReader::Cut, last_value: false }
    }
}

/// The policies of all topics: the first pattern that matches decides, and [`Policy::default`] if none does.
#[derive(Debug, Clone)]
pub struct Policies(Vec<(Selector, Policy)>);

impl Policies {
    /// `rules` first, then the built-in ones.
    pub fn new(rules: Vec<(Selector, Policy)>) -> Self {
        let mut all = rules;
        all.extend(built_in());
        Self(all)
    }

    /// How `topic` is treated.
    pub fn of(&self, topic: &Topic) -> Policy {
        let rule = self.0.iter().find(|(pattern, _)| pattern.matches(topic));
        rule.map_or_else(Policy::default, |(_, policy)| *policy)
    }
}

impl Policies {
    /// Does any topic have a last value?
    pub(crate) fn any_last_value(&self) -> bool {
        self.0.iter().any(|(_, policy)| policy.last_value)
    }
}

impl Default for Policies {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// What the server's own topics are like.
fn built_in() -> impl Iterator<Item = (Selector, Policy)> {
    let rules = [
        ("metrics", figures(300)),
        ("clock", figures(120)),
        ("ticker/*", Policy { last_value: true, ..figures(300) }),
        ("notifications", notifications()),
        ("chat/*", chat()),
    ];
    rules
        .into_iter()
        .map(|(pattern, policy)| (pattern.parse().expect("the pattern follows the grammar"), policy))
}

/// Figures are kept in memory and of use only while they are new. At the default interval 300 metrics are 10 minutes, which
/// is what the dashboard's charts show. Prices have a last value, so that there is one to show before the next tick.
fn figures(count: usize) -> Policy {
    Policy {
        durability: Durability::Memory,
        retain: Retain { count: Some(count), age: None, bytes: None },
        slow_reader: SlowReader::Latest,
        last_value: false,
    }
}

/// As many as somebody may want to scroll through who was away for a month.
fn notifications() -> Policy {
    let default = Policy::default();
    let age = Some(Duration::from_secs(30 * 24 * 3600));
    Policy { retain: Retain { count: Some(1_000), age, ..default.retain }, ..default }
}

/// A conversation, by its length; one that has fallen asleep makes room for others in the end.
fn chat() -> Policy {
    let age = Some(Duration::from_secs(90 * 24 * 3600));
    Policy { retain: Retain { count: Some(10_000), age, bytes: Some(16 << 20) }, ..Policy::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_matches_decides() {
        let mine = Policy { last_value: true, ..Policy::default() };
        let policies = Policies::new(vec![("metrics".parse().unwrap(), mine)]);
        let of = |name: &str| policies.of(&Topic::new(name).unwrap());
        assert_eq!(of("metrics"), mine);
        assert_eq!(of("clock").durability, Durability::Memory);
        assert!(of("ticker/ACME").last_value);
        assert_eq!(of("notifications").retain.count, Some(1_000));
        assert_eq!(of("chat/lobby").retain.count, Some(10_000));
        assert_eq!(of("anything/else"), Policy::default());
    }
}
