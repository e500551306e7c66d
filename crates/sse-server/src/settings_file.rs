//! The settings file: how topics are treated, by pattern, and when the server warns. TOML; an unknown key is an error that names the known ones.

use std::path::Path;
use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Deserializer, de};
use sse_core::Selector;

use crate::policy::{Durability, Policies, Policy, Retain, SlowReader};
use crate::source::alerts::Thresholds;

/// sysinfo cannot tell the use of a core over less than 200 ms.
const ALERTS_EVERY: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(200)..=Duration::from_secs(3600);

/// What can stand in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    topic: Vec<Rule>,
    #[serde(default)]
    alerts: AlertRule,
}

/// What a settings file says.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) policies: Policies,
    pub(crate) thresholds: Thresholds,
}

/// One `[[topic]]`. What is left out is as in [`Policy::default`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(deserialize_with = "selector")]
    pattern: Selector,
    durability: Option<Durability>,
    #[serde(default)]
    retain: RetainRule,
    slow_reader: Option<SlowReader>,
    last_value: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetainRule {
    count: Option<Limit<usize>>,
    age: Option<Limit<Age>>,
    bytes: Option<Limit<ByteSize>>,
}

/// `[alerts]`. What is left out is as in [`Thresholds::default`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AlertRule {
    every: Option<Age>,
    cpu_idle_percent: Option<Limit<Percent>>,
    memory_available_percent: Option<Limit<Percent>>,
    disk_available_percent: Option<Limit<Percent>>,
}

/// A limit, or `"off"` for none.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a number (a percentage from 0 to 100), a time such as \"7d\", a size such as \"64MiB\", or \"off\""
)]
enum Limit<T> {
    Off(Off),
    To(T),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Off {
    Off,
}

#[derive(Debug)]
struct Age(Duration);

/// From 0 to 100.
#[derive(Debug, Deserialize)]
#[serde(try_from = "f64")]
struct Percent(f64);

/// Why a settings file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsFileError {
    /// It is not there, or may not be read.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// What it says cannot be understood; the text names the line.
    #[error(transparent)]
    Parse(#[from] toml::de::Error),
}

/// Reads a file; without one, everything is as built in.
pub(crate) fn read(file: Option<&Path>) -> Result<Contents, SettingsFileError> {
    let text = file.map_or_else(|| Ok(String::new()), std::fs::read_to_string)?;
    Ok(parse(&text)?)
}

fn parse(text: &str) -> Result<Contents, toml::de::Error> {
    let file: File = toml::from_str(text)?;
    let policies = Policies::new(file.topic.into_iter().map(Rule::policy).collect());
    Ok(Contents { policies, thresholds: file.alerts.thresholds()? })
}

impl Rule {
    fn policy(self) -> (Selector, Policy) {
        let default = Policy::default();
        let retain = Retain {
            count: limit(self.retain.count, default.retain.count, |count| count),
            age: limit(self.retain.age, default.retain.age, |Age(age)| age),
            bytes: limit(self.retain.bytes, default.retain.bytes, |size| size.as_u64()),
        };
        let policy = Policy {
            durability: self.durability.unwrap_or(default.durability),
            retain,
            slow_reader: self.slow_reader.unwrap_or(default.slow_reader),
            last_value: self.last_value.unwrap_or(default.last_value),
        };
        (self.pattern, policy)
    }
}

impl AlertRule {
    fn thresholds(self) -> Result<Thresholds, toml::de::Error> {
        let default = Thresholds::default();
        let every = self.every.map_or(default.every, |Age(every)| every);
        if !ALERTS_EVERY.contains(&every) {
            return Err(de::Error::custom("alerts: `every` is from 200ms to 1h"));
        }
        let percent = |rule, default| limit(rule, default, |Percent(percent)| percent);
        Ok(Thresholds {
            every,
            cpu_idle: percent(self.cpu_idle_percent, default.cpu_idle),
            memory_available: percent(self.memory_available_percent, default.memory_available),
            disk_available: percent(self.disk_available_percent, default.disk_available),
        })
    }
}

impl TryFrom<f64> for Percent {
    type Error = &'static str;

    fn try_from(percent: f64) -> Result<Self, Self::Error> {
        let fits = (0.0..=100.0).contains(&percent);
        fits.then_some(Self(percent)).ok_or("a percentage is from 0 to 100")
    }
}

fn limit<T, U>(rule: Option<Limit<T>>, default: Option<U>, value: impl FnOnce(T) -> U) -> Option<U> {
    match rule {
        None => default,
        Some(Limit::Off(Off::Off)) => None,
        Some(Limit::To(limit)) => Some(value(limit)),
    }
}

fn selector<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Selector, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

impl<'de> Deserialize<'de> for Age {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map(Age).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sse_core::Topic;

    fn of(text: &str, topic: &str) -> Policy {
        parse(text).unwrap().policies.of(&Topic::new(topic).unwrap())
    }

    #[test]
    fn a_rule_changes_what_it_names_and_nothing_else() {
        let text = r#"
            [[topic]]
            pattern = "chat/*"
            retain = { count = 500, age = "off", bytes = "2MiB" }
            slow_reader = "skip"

            [[topic]]
            pattern = "metrics"
            durability = "disk"
        "#;
        let chat = of(text, "chat/lobby");
        assert_eq!(chat.retain, Retain { count: Some(500), age: None, bytes: Some(2 << 20) });
        assert_eq!((chat.slow_reader, chat.durability), (SlowReader::Skip, Durability::Disk));
        assert_eq!(of(text, "metrics"), Policy::default());
        assert_eq!(of(text, "clock").durability, Durability::Memory);
    }

    #[test]
    fn alerts_have_thresholds_of_their_own_or_none() {
        let of = |text: &str| parse(text).unwrap().thresholds;
        assert_eq!(of(""), Thresholds::default());
        let text = r#"
            [alerts]
            every = "1m"
            cpu_idle_percent = "off"
            disk_available_percent = 2.5
        "#;
        let expected = Thresholds {
            every: Duration::from_secs(60),
            cpu_idle: None,
            disk_available: Some(2.5),
            ..Thresholds::default()
        };
        assert_eq!(of(text), expected);
        assert_eq!(of("[alerts]\nmemory_available_percent = 7").memory_available, Some(7.0));
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            ("[[topics]]", "unknown field `topics`"),
            ("[[topic]]\npatern = 'a'", "unknown field `patern`"),
            ("[[topic]]\npattern = 'a b'", "cannot contain ' '"),
            ("[[topic]]\npattern = 'a'\nslow_reader = 'drop'", "unknown variant `drop`"),
            ("[[topic]]\npattern = 'a'\nretain = { age = 5 }", "a time such as"),
            ("[alerts]\nevery = '1ms'", "from 200ms to 1h"),
            ("[alerts]\ncpu_idle_percent = 101", "from 0 to 100"),
            ("[alerts]\ncpu = 10", "unknown field `cpu`"),
        ];
        for (text, expected) in cases {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
