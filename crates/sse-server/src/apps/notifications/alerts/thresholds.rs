//! From when on the server tells of a shortage: what the settings file can say of alerts, and the defaults.

use std::time::Duration;

use serde::Deserialize;

use crate::settings_fault::Fault;
use crate::settings_tree::{Section, SettingsTree};
use crate::settings_values::{Limit, Percent, Time, limit};

/// Least room, each in percent; `None` is no alert.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Thresholds {
    /// Time between two samples.
    pub(crate) every: Duration,
    /// All cores together.
    pub(crate) cpu_idle: Option<f64>,
    /// What programs can have without swapping, of all memory.
    pub(crate) memory_available: Option<f64>,
    /// Each writable disk by itself.
    pub(crate) disk_available: Option<f64>,
}

impl Default for Thresholds {
    /// Every 10 s; processor 10 % idle, memory and disks 5 % available.
    fn default() -> Self {
        Self {
            every: Duration::from_secs(10),
            cpu_idle: Some(10.0),
            memory_available: Some(5.0),
            disk_available: Some(5.0),
        }
    }
}

/// sysinfo cannot tell the use of a core over less than 200 ms.
const EVERY: std::ops::RangeInclusive<Duration> = Duration::from_millis(200)..=Duration::from_secs(3600);

pub(crate) const SECTION: Section = Section {
    name: "alerts",
    example: include_str!("settings.toml"),
    check: |tree, faults| {
        let _ = Thresholds::read(tree, faults);
    },
};

/// `[alerts]`. What is left out is as in [`Thresholds::default`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    every: Option<Every>,
    cpu_idle_percent: Option<Limit<Percent>>,
    memory_available_percent: Option<Limit<Percent>>,
    disk_available_percent: Option<Limit<Percent>>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "Time")]
struct Every(Duration);

impl TryFrom<Time> for Every {
    type Error = &'static str;

    fn try_from(Time(every): Time) -> Result<Self, Self::Error> {
        EVERY.contains(&every).then_some(Self(every)).ok_or("must be from 200ms to 1h")
    }
}

impl Thresholds {
    /// What the settings say of alerts; notes what is wrong with that.
    pub(crate) fn read(settings: &SettingsTree, faults: &mut Vec<Fault>) -> Self {
        let alerts: Given = settings.section(SECTION.name, faults).unwrap_or_default();
        let default = Self::default();
        let every = alerts.every.map_or(default.every, |Every(every)| every);
        let percent = |given, default| limit(given, default, |Percent(percent)| percent);
        Self {
            every,
            cpu_idle: percent(alerts.cpu_idle_percent, default.cpu_idle),
            memory_available: percent(alerts.memory_available_percent, default.memory_available),
            disk_available: percent(alerts.disk_available_percent, default.disk_available),
        }
    }

    /// Is there anything to look at?
    pub(super) fn any(&self) -> bool {
        [self.cpu_idle, self.memory_available, self.disk_available].iter().any(Option::is_some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Thresholds, String) {
        let mut faults = Vec::new();
        let thresholds = Thresholds::read(&SettingsTree::parse(text, &mut faults), &mut faults);
        (thresholds, faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn each_threshold_can_be_set_or_off() {
        // Without the marks of what is no prose.
        let example = SECTION.example.replace("\n#", "\n").replace("\n ", "\n# ");
        for text in ["", &example] {
            assert_eq!(read(text), (Thresholds::default(), String::new()));
        }
        let text = r#"
            [alerts]
            every = "1m"
            cpu_idle_percent = "off"
            disk_available_percent = 2.5

            [[topic]]
            pattern = "a"
        "#;
        let expected = Thresholds {
            every: Duration::from_secs(60),
            cpu_idle: None,
            disk_available: Some(2.5),
            ..Thresholds::default()
        };
        assert_eq!(read(text).0, expected);
        let (whole, _) = read("[alerts]\nmemory_available_percent = 7");
        assert_eq!(whole.memory_available, Some(7.0));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("[alerts]\nevery = '1ms'", "from 200ms to 1h"),
            ("[alerts]\ncpu_idle_percent = 101", "from 0 to 100"),
            ("[alerts]\ncpu = 10", "unknown key `cpu`"),
        ] {
            let (_, error) = read(text);
            assert!(error.contains(expected), "{error}");
        }
    }
}
