//! From when on the server tells of a shortage: what the settings file can say of alerts, and the defaults.

use std::time::Duration;

use super::alarm::Limits;

/// Room comes back slowly and wavers; an alarm is cleared at one and a half times the room that raised it.
const CLEARED_AT: f64 = 1.5;
/// Figures in a row that turn an alarm. At the default interval a minute for the processor, which is busy for good
/// reasons most of the time, and half a minute for the rest.
const CPU_SAMPLES: u32 = 6;
const SAMPLES: u32 = 3;

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

impl Thresholds {
    pub(super) fn cpu(&self) -> Option<Limits> {
        self.cpu_idle.map(|percent| limits(percent, CPU_SAMPLES))
    }

    pub(super) fn memory(&self) -> Option<Limits> {
        self.memory_available.map(|percent| limits(percent, SAMPLES))
    }

    pub(super) fn disk(&self) -> Option<Limits> {
        self.disk_available.map(|percent| limits(percent, SAMPLES))
    }

    /// Is there anything to look at?
    pub(super) fn any(&self) -> bool {
        [self.cpu_idle, self.memory_available, self.disk_available].iter().any(Option::is_some)
    }
}

fn limits(raise_below: f64, samples: u32) -> Limits {
    Limits { raise_below, clear_above: raise_below * CLEARED_AT, samples }
}
