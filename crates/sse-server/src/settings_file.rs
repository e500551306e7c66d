//! The settings file: policies of topics by pattern, who may do what, and the applications' own sections. TOML; an unknown key
//! is an error that names the known ones, and shows nothing of the file, where secrets may be.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::Path;

use anyhow::{anyhow, bail};
use bytesize::ByteSize;
use serde::{Deserialize, Deserializer, de};
use sse_core::Selector;
use sse_hub::{Durability, LogLimits, Policy, Retention, SlowConsumer};
use toml::Spanned;

use crate::auth::{AuthSection, TokenVerifier};
use crate::client_limits::{AddressLimits, SubjectLimits};
use crate::settings_values::{Limit, Time, limit};

/// What a settings file says.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    pub(crate) rules: Vec<(Selector, Policy)>,
    pub(crate) limits: LogLimits,
    pub(crate) address_limits: AddressLimits,
    pub(crate) subject_limits: SubjectLimits,
    /// `None` where nobody needs a token.
    pub(crate) auth: Option<TokenVerifier>,
    /// The whole file, for the applications' sections, and the names of these.
    pub(crate) text: String,
    pub(crate) sections: Vec<String>,
}

/// The hub's own part. Other sections are looked at by whom they belong to.
#[derive(Debug, Deserialize)]
struct HubSections {
    #[serde(default)]
    topic: Vec<Rule>,
    #[serde(default)]
    limits: LimitsSection,
    auth: Option<AuthSection>,
}

/// `[limits]`. What is left out is as in [`LogLimits::default`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsSection {
    topics: Option<usize>,
    memory_topic: Option<ByteSize>,
    memory_topics: Option<ByteSize>,
    disk: Option<Limit<ByteSize>>,
    disk_free: Option<Limit<ByteSize>>,
    subscribes_per_second: Option<Limit<NonZeroU32>>,
    requests_per_second: Option<Limit<NonZeroU32>>,
    connections_per_second: Option<Limit<NonZeroU32>>,
    connections_per_address: Option<Limit<NonZeroU32>>,
    subject_subscribes_per_second: Option<Limit<NonZeroU32>>,
    subject_requests_per_second: Option<Limit<NonZeroU32>>,
    connections_per_subject: Option<Limit<NonZeroU32>>,
}

/// One `[[topic]]`. What is left out is as in [`Policy::default`]. The aliases are the words before this release.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(deserialize_with = "selector")]
    pattern: Selector,
    durability: Option<Durability>,
    #[serde(default, alias = "retain")]
    retention: RetentionRule,
    #[serde(alias = "slow_reader")]
    slow_consumer: Option<SlowConsumer>,
    last_value: Option<bool>,
    idle: Option<Limit<Time>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetentionRule {
    count: Option<Limit<usize>>,
    age: Option<Limit<Time>>,
    bytes: Option<Limit<ByteSize>>,
}

impl SettingsFile {
    /// Reads a file; without one, everything is as built in. `sections` are those of the applications.
    pub(crate) fn read(
        file: Option<&Path>,
        sections: impl Iterator<Item = &'static str>,
    ) -> anyhow::Result<Self> {
        let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
        let text = file.map_or_else(|| Ok(String::new()), std::fs::read_to_string)?;
        Self::parse(text, folder, sections)
    }

    /// Files that the settings name are looked for in `folder`.
    fn parse(
        text: String,
        folder: &Path,
        sections: impl Iterator<Item = &'static str>,
    ) -> anyhow::Result<Self> {
        let known: Vec<&str> = ["topic", "limits", "auth"].into_iter().chain(sections).collect();
        let wrong = |error: toml::de::Error| match error.span() {
            Some(span) => anyhow!("line {}: {}", line_at(&text, span.start), error.message()),
            None => anyhow!("{}", error.message()),
        };
        let given: HashMap<Spanned<String>, de::IgnoredAny> = toml::from_str(&text).map_err(wrong)?;
        let unknown = given.keys().filter(|section| !known.contains(&section.get_ref().as_str()));
        if let Some(section) = unknown.min_by_key(|section| section.span().start) {
            let line = line_at(&text, section.span().start);
            let known: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
            let (section, known) = (section.get_ref(), known.join(", "));
            bail!("line {line}: unknown section `{section}`, expected one of {known}");
        }
        let HubSections { topic, limits, auth } = toml::from_str(&text).map_err(wrong)?;
        let auth = auth.map(|auth| TokenVerifier::open(auth, folder)).transpose()?;
        let sections = given.into_keys().map(Spanned::into_inner).collect();
        Ok(Self {
            rules: topic.into_iter().map(Rule::policy).collect(),
            address_limits: limits.of_addresses(),
            subject_limits: if auth.is_some() { limits.of_subjects() } else { SubjectLimits::NONE },
            limits: limits.of_log(),
            auth,
            text,
            sections,
        })
    }
}

impl LimitsSection {
    fn of_addresses(&self) -> AddressLimits {
        let default = AddressLimits::default();
        AddressLimits {
            subscribes: number(self.subscribes_per_second, default.subscribes),
            requests: number(self.requests_per_second, default.requests),
            connects: number(self.connections_per_second, default.connects),
            connections: number(self.connections_per_address, default.connections),
        }
    }

    fn of_subjects(&self) -> SubjectLimits {
        let default = SubjectLimits::default();
        SubjectLimits {
            subscribes: number(self.subject_subscribes_per_second, default.subscribes),
            requests: number(self.subject_requests_per_second, default.requests),
            connections: number(self.connections_per_subject, default.connections),
        }
    }

    fn of_log(self) -> LogLimits {
        let default = LogLimits::default();
        let bytes = |size: ByteSize| size.as_u64();
        let free = match self.disk_free {
            None => default.free,
            // None at all has to stay free.
            given => Some(limit(given, None, bytes).unwrap_or(0)),
        };
        LogLimits {
            topics: self.topics.unwrap_or(default.topics),
            memory_topic: self.memory_topic.map_or(default.memory_topic, bytes),
            memory_topics: self.memory_topics.map_or(default.memory_topics, bytes),
            disk: limit(self.disk, default.disk, bytes),
            free,
        }
    }
}

impl Rule {
    fn policy(self) -> (Selector, Policy) {
        let default = Policy::default();
        let retention = Retention {
            count: limit(self.retention.count, default.retention.count, |count| count),
            age: limit(self.retention.age, default.retention.age, |Time(age)| age),
            bytes: limit(self.retention.bytes, default.retention.bytes, |size| size.as_u64()),
        };
        let policy = Policy {
            durability: self.durability.unwrap_or(default.durability),
            retention,
            slow_consumer: self.slow_consumer.unwrap_or(default.slow_consumer),
            last_value: self.last_value.unwrap_or(default.last_value),
            idle: limit(self.idle, default.idle, |Time(idle)| idle),
        };
        (self.pattern, policy)
    }
}

fn number(given: Option<Limit<NonZeroU32>>, default: Option<NonZeroU32>) -> Option<NonZeroU32> {
    limit(given, default, |limit| limit)
}

fn line_at(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|byte| *byte == b'\n').count()
}

fn selector<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Selector, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> anyhow::Result<SettingsFile> {
        SettingsFile::parse(text.to_owned(), Path::new(""), ["weather"].into_iter())
    }

    #[test]
    fn a_rule_changes_what_it_names_and_nothing_else() {
        for (retention, slow_consumer, drop_oldest) in
            [("retention", "slow_consumer", "drop_oldest"), ("retain", "slow_reader", "skip")]
        {
            let text = format!(
                r#"
                [[topic]]
                pattern = "orders/*"
                {retention} = {{ count = 500, age = "off", bytes = "2MiB" }}
                {slow_consumer} = "{drop_oldest}"

                [weather]
                rain = true
                "#
            );
            let rules = parse(&text).unwrap().rules;
            let [(pattern, policy)] = &rules[..] else { panic!("{rules:?}") };
            assert_eq!(pattern.to_string(), "orders/*");
            assert_eq!(policy.retention, Retention { count: Some(500), age: None, bytes: Some(2 << 20) });
            assert_eq!(
                (policy.slow_consumer, policy.durability),
                (SlowConsumer::DropOldest, Durability::Disk)
            );
        }
    }

    #[test]
    fn limits_of_the_log_are_read() {
        let limits = |text| parse(text).unwrap().limits;
        assert_eq!(limits(""), LogLimits::default());
        let given = "[limits]\ntopics = 5\nmemory_topic = '1MiB'\nmemory_topics = '2MiB'\ndisk = '1GiB'\ndisk_free = 'off'";
        let expected = LogLimits {
            topics: 5,
            memory_topic: 1 << 20,
            memory_topics: 2 << 20,
            disk: Some(1 << 30),
            free: Some(0),
        };
        assert_eq!(limits(given), expected);
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            (
                "\n[[topics]]",
                "line 2: unknown section `topics`, expected one of `topic`, `limits`, `auth`, `weather`",
            ),
            ("[limits]\ndisc = '1GiB'", "unknown field `disc`"),
            ("[[topic]]\npatern = 'a'", "unknown field `patern`"),
            ("[[topic]]\npattern = 'a b'", "cannot contain ' '"),
            ("[[topic]]\npattern = 'a'\nslow_consumer = 'drop'", "unknown variant `drop`"),
            ("[[topic]]\npattern = 'a'\nretention = { age = 5 }", "a time such as"),
        ];
        for (text, expected) in cases {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
