//! Values of the settings file that several sections have: limits, times, percentages.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// A limit, or `"off"` for none.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(
    untagged,
    expecting = "a number (a percentage from 0 to 100), a time such as \"7d\", a size such as \"64MiB\", or \"off\""
)]
pub(crate) enum Limit<T> {
    Off(Off),
    To(T),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Off {
    Off,
}

/// A time such as `7d`.
#[derive(Debug)]
pub(crate) struct Time(pub(crate) Duration);

/// From 0 to 100.
#[derive(Debug, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Percent(pub(crate) f64);

/// What a limit comes to: the default when it is left out, `None` when it is off.
pub(crate) fn limit<T, U>(
    given: Option<Limit<T>>,
    default: Option<U>,
    value: impl FnOnce(T) -> U,
) -> Option<U> {
    match given {
        None => default,
        Some(Limit::Off(Off::Off)) => None,
        Some(Limit::To(limit)) => Some(value(limit)),
    }
}

impl TryFrom<f64> for Percent {
    type Error = &'static str;

    fn try_from(percent: f64) -> Result<Self, Self::Error> {
        let fits = (0.0..=100.0).contains(&percent);
        fits.then_some(Self(percent)).ok_or("a percentage is from 0 to 100")
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map(Self).map_err(de::Error::custom)
    }
}
