//! The settings file: how topics are treated, by pattern. TOML; an unknown key is an error that names the known ones.

use std::path::Path;
use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Deserializer, de};
use sse_core::Selector;

use crate::policy::{Durability, Policies, Policy, Retain, SlowReader};

/// What can stand in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    topic: Vec<Rule>,
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

/// A limit, or `"off"` for none.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a number, a time such as \"7d\", a size such as \"64MiB\", or \"off\"")]
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

/// Why a settings file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsFileError {
    /// It is not there, or may not be read.
    #[error("{0}")]
    Read(#[from] std::io::Error),
    /// What it says cannot be understood; the text names the line.
    #[error("{0}")]
    Parse(#[from] toml::de::Error),
}

/// Reads the policies from a file; without one, they are the built-in ones.
pub(crate) fn policies(file: Option<&Path>) -> Result<Policies, SettingsFileError> {
    let text = file.map_or_else(|| Ok(String::new()), std::fs::read_to_string)?;
    Ok(parse(&text)?)
}

fn parse(text: &str) -> Result<Policies, toml::de::Error> {
    let file: File = toml::from_str(text)?;
    Ok(Policies::new(file.topic.into_iter().map(Rule::policy).collect()))
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
        parse(text).unwrap().of(&Topic::new(topic).unwrap())
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
    fn mistakes_are_named() {
        let cases = [
            ("[[topics]]", "unknown field `topics`"),
            ("[[topic]]\npatern = 'a'", "unknown field `patern`"),
            ("[[topic]]\npattern = 'a b'", "cannot contain ' '"),
            ("[[topic]]\npattern = 'a'\nslow_reader = 'drop'", "unknown variant `drop`"),
            ("[[topic]]\npattern = 'a'\nretain = { age = 5 }", "a time such as"),
        ];
        for (text, expected) in cases {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
