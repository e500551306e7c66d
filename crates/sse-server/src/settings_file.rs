//! The hub's own sections of the settings file: policies of topics by pattern, limits, who may do what.

use std::num::NonZeroU32;
use std::path::Path;

use anyhow::ensure;
use bytesize::ByteSize;
use serde::{Deserialize, Deserializer, de};
use sse_core::Selector;
use sse_hub::{Durability, LogLimits, Policy, Retention, SlowConsumer};

use crate::auth::{AuthSection, TokenVerifier};
use crate::client_limits::{AddressLimits, SubjectLimits};
use crate::settings_fault::{Fault, listed};
use crate::settings_tree::{Section, SettingsTree};
use crate::settings_values::{Limit, Time, limit};
use crate::small_file;

const TOPIC: &str = "topic";
const AUTH: &str = "auth";
/// Names of the hub's own sections.
pub(crate) const SECTIONS: [&str; 3] = [TOPIC, LIMITS.name, AUTH];
/// The one whose keys are flags too.
pub(crate) const LIMITS: Section = Section {
    name: "limits",
    example: include_str!("settings_file/limits.toml"),
    check: |tree, faults| {
        let _ = tree.section::<LimitsSection>("limits", faults);
    },
};
/// What the others look like.
pub(crate) const HUB_EXAMPLE: &str = include_str!("settings_file/hub.toml");

/// What a settings file says.
#[derive(Debug, Default)]
pub(crate) struct SettingsFile {
    pub(crate) rules: Vec<(Selector, Policy)>,
    pub(crate) limits: LogLimits,
    pub(crate) address_limits: AddressLimits,
    pub(crate) subject_limits: SubjectLimits,
    /// `None` where nobody needs a token.
    pub(crate) auth: Option<TokenVerifier>,
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
    /// Reads a file, but no sections of applications.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let mut faults = Vec::new();
        let tree = SettingsTree::parse(&small_file::read_text(file)?, &mut faults);
        let read = Self::of(&tree, file.parent().unwrap_or(Path::new("")), &mut faults);
        ensure!(faults.is_empty(), "{}", listed(&faults));
        Ok(read)
    }

    /// Files that the settings name are looked for in `folder`. What is wrong is noted and left out.
    pub(crate) fn of(tree: &SettingsTree, folder: &Path, faults: &mut Vec<Fault>) -> Self {
        let rules: Vec<Rule> = tree.section(TOPIC, faults).unwrap_or_default();
        let limits: LimitsSection = tree.section(LIMITS.name, faults).unwrap_or_default();
        let before = faults.len();
        let auth = tree.section::<AuthSection>(AUTH, faults);
        // Numbers in lists are those of the file if nothing was left out.
        let is_whole = faults.len() == before;
        let auth = auth.and_then(|section| {
            let wrong = TokenVerifier::open(section, folder);
            let fault = |(key, said): (String, String)| {
                let key = if is_whole { &*key } else { key.split('[').next().unwrap_or_default() };
                tree.fault(&format!("{AUTH}.{key}"), said)
            };
            wrong.map_err(|wrong| faults.extend(wrong.into_iter().map(fault))).ok()
        });
        Self {
            rules: rules.into_iter().map(Rule::policy).collect(),
            address_limits: limits.of_addresses(),
            subject_limits: limits.of_subjects(),
            limits: limits.of_log(),
            auth,
        }
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

fn selector<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Selector, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SettingsFile, String> {
        let mut faults = Vec::new();
        let file = SettingsFile::of(&SettingsTree::parse(text, &mut faults), Path::new(""), &mut faults);
        if faults.is_empty() { Ok(file) } else { Err(listed(&faults)) }
    }

    /// As somebody writes it who takes the marks of comments away.
    fn uncommented(example: &str, mark: &str) -> String {
        let lines = example.lines().filter_map(|line| line.strip_prefix(mark));
        let is_setting =
            |line: &&str| !line.starts_with(' ') && (line.starts_with('[') || line.contains(" = "));
        lines.filter(is_setting).map(|line| format!("{line}\n")).collect()
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
    fn the_example_has_the_defaults() {
        let default = parse("").unwrap();
        let example = parse(&uncommented(LIMITS.example, "#")).unwrap();
        assert_eq!((example.limits, example.address_limits), (default.limits, default.address_limits));
        let section = SettingsTree::parse(&uncommented(LIMITS.example, "#"), &mut Vec::new());
        let section: LimitsSection = section.section(LIMITS.name, &mut Vec::new()).unwrap();
        assert_eq!(section.of_subjects(), SubjectLimits::default());
        let (topic, auth) = HUB_EXAMPLE.split_once("\n\n").unwrap();
        let rules = parse(&uncommented(topic, "# ")).unwrap().rules;
        assert_eq!(rules, [("orders/*".parse().unwrap(), Policy::default())]);
        let missing = parse(&uncommented(auth, "# ")).unwrap_err();
        assert!(
            missing.contains("auth.jwt[0]: cannot read hub.secret") && !missing.contains("faults"),
            "{missing}"
        );
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            ("[limits]\ndisc = '1GiB'", "line 2: limits.disc: unknown key `disc`"),
            ("[[topic]]\npatern = 'a'", "did you mean `pattern`?"),
            ("[auth]\nleeway = '6m'", "line 2: auth.leeway: is at most 300s"),
            ("[auth]\n\n[[auth.key]]\nname = 'a'\nsha256 = 'b'", "line 3: auth.key[0]: sha256 of"),
            ("[[topic]]\npattern = 'a b'", "cannot contain ' '"),
            ("[[topic]]\npattern = 'a'\nslow_consumer = 'drop'", "unknown variant `drop`"),
            ("[[topic]]\npattern = 'a'\nretention = { age = 5 }", "a time such as"),
        ];
        for (text, expected) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
