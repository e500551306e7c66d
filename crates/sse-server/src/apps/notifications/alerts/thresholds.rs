//! From when on the server tells of a shortage: what the settings file can say of alerts, and the defaults.

use std::time::Duration;

use serde::{Deserialize, de};

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

/// The settings file as far as it is ours.
#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    alerts: Section,
}

/// `[alerts]`. What is left out is as in [`Thresholds::default`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    every: Option<Time>,
    cpu_idle_percent: Option<Limit<Percent>>,
    memory_available_percent: Option<Limit<Percent>>,
    disk_available_percent: Option<Limit<Percent>>,
}

impl Thresholds {
    /// What a settings file says of alerts.
    pub(crate) fn read(settings: &str) -> Result<Self, toml::de::Error> {
        let File { alerts } = toml::from_str(settings)?;
        let default = Self::default();
        let every = alerts.every.map_or(default.every, |Time(every)| every);
        if !EVERY.contains(&every) {
            return Err(de::Error::custom("alerts: `every` is from 200ms to 1h"));
        }
        let percent = |given, default| limit(given, default, |Percent(percent)| percent);
        Ok(Self {
            every,
            cpu_idle: percent(alerts.cpu_idle_percent, default.cpu_idle),
            memory_available: percent(alerts.memory_available_percent, default.memory_available),
            disk_available: percent(alerts.disk_available_percent, default.disk_available),
        })
    }

    /// Is there anything to look at?
    pub(super) fn any(&self) -> bool {
        [self.cpu_idle, self.memory_available, self.disk_available].iter().any(Option::is_some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_threshold_can_be_set_or_off() {
        assert_eq!(Thresholds::read("").unwrap(), Thresholds::default());
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
        assert_eq!(Thresholds::read(text).unwrap(), expected);
        let whole = Thresholds::read("[alerts]\nmemory_available_percent = 7").unwrap();
        assert_eq!(whole.memory_available, Some(7.0));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("[alerts]\nevery = '1ms'", "from 200ms to 1h"),
            ("[alerts]\ncpu_idle_percent = 101", "from 0 to 100"),
            ("[alerts]\ncpu = 10", "unknown field `cpu`"),
        ] {
            let error = Thresholds::read(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
