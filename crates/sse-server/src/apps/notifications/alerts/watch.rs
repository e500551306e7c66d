//! All alarms of the host, and what they say to people. Figures come in, notices come out: knows no clock and no hub.

use std::collections::BTreeMap;

use sse_core::payload::Severity;

use super::alarm::{Alarm, Limits, Turn};
use super::thresholds::Thresholds;
use super::vitals::{Room, Vitals};

/// Room comes back slowly and wavers; an alarm is cleared at one and a half times the room that raised it.
const CLEARED_AT: f64 = 1.5;
/// Figures in a row that turn an alarm. At the default interval a minute for the processor, which is busy for good
/// reasons most of the time, and half a minute for the rest.
const CPU_SAMPLES: u32 = 6;
const SAMPLES: u32 = 3;
/// Longest mount point that is shown, in characters; a title has 120.
const MAX_NAME: usize = 60;

/// What people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) severity: Severity,
    pub(super) title: String,
    pub(super) text: String,
}

/// The state of every alarm.
#[derive(Debug)]
pub(super) struct Watch {
    cpu: Option<Alarm>,
    memory: Option<Alarm>,
    disk: Option<Limits>,
    /// By mount point; those of the newest figures and no others, at most 32.
    disks: BTreeMap<String, Alarm>,
}

impl Watch {
    /// Nothing is raised yet.
    pub(super) fn new(thresholds: &Thresholds) -> Self {
        let limits = |threshold: Option<f64>, samples| {
            threshold.map(|least| Limits { raise_below: least, clear_above: least * CLEARED_AT, samples })
        };
        Self {
            cpu: limits(thresholds.cpu_idle, CPU_SAMPLES).map(Alarm::new),
            memory: limits(thresholds.memory_available, SAMPLES).map(Alarm::new),
            disk: limits(thresholds.disk_available, SAMPLES),
            disks: BTreeMap::new(),
        }
    }

    /// Takes the next figures; gives what is to be told.
    pub(super) fn observe(&mut self, vitals: &Vitals) -> Vec<Notice> {
        let mut notices = Vec::new();
        if let Some(turn) = self.cpu.as_mut().and_then(|alarm| alarm.observe(vitals.cpu_idle)) {
            notices.push(cpu(turn, vitals.cpu_idle));
        }
        if let Some(turn) = self.memory.as_mut().and_then(|alarm| alarm.observe(vitals.memory.percent())) {
            notices.push(memory(turn, vitals.memory));
        }
        if let Some(limits) = self.disk {
            self.observe_disks(limits, vitals, &mut notices);
        }
        notices
    }

    fn observe_disks(&mut self, limits: Limits, vitals: &Vitals, notices: &mut Vec<Notice>) {
        let mut before = std::mem::take(&mut self.disks);
        for found in &vitals.disks {
            let mut alarm = before.remove(&found.mount_point).unwrap_or_else(|| Alarm::new(limits));
            if let Some(turn) = alarm.observe(found.room.percent()) {
                notices.push(disk(turn, &found.mount_point, found.room));
            }
            self.disks.insert(found.mount_point.clone(), alarm);
        }
        let gone = before.iter().filter(|(_, alarm)| alarm.is_raised());
        notices.extend(gone.map(|(mount_point, _)| unmounted(mount_point)));
    }
}

fn cpu(turn: Turn, idle: f64) -> Notice {
    let used = (100.0 - idle).round();
    match turn {
        Turn::Raised => Notice {
            severity: Severity::Warning,
            title: format!("High CPU: {used} % in use"),
            text: "All cores together have been busy for a while. The dashboard shows which.".into(),
        },
        Turn::Cleared => Notice {
            severity: Severity::Success,
            title: format!("CPU recovered: {used} % in use"),
            text: String::new(),
        },
    }
}

fn memory(turn: Turn, room: Room) -> Notice {
    let (severity, title) = match turn {
        Turn::Raised => (Severity::Critical, format!("Low memory: {} available", percent(room))),
        Turn::Cleared => (Severity::Success, format!("Memory recovered: {} available", percent(room))),
    };
    Notice { severity, title, text: format!("{} is available to programs.", sizes(room)) }
}

fn disk(turn: Turn, mount_point: &str, room: Room) -> Notice {
    let (name, left) = (shown(mount_point), percent(room));
    let (severity, title) = match turn {
        Turn::Raised => (Severity::Critical, format!("Low disk space on {name}: {left} available")),
        Turn::Cleared => (Severity::Success, format!("Disk space on {name} recovered: {left} available")),
    };
    Notice { severity, title, text: format!("{} on this disk.", sizes(room)) }
}

fn unmounted(mount_point: &str) -> Notice {
    Notice {
        severity: Severity::Info,
        title: format!("{} is no longer mounted", shown(mount_point)),
        text: "It was low on space.".into(),
    }
}

fn percent(room: Room) -> String {
    format!("{:.1} %", room.percent())
}

fn sizes(room: Room) -> String {
    format!("{} of {}", size(room.available), size(room.total))
}

/// As the dashboard writes it.
fn size(megabytes: f64) -> String {
    match megabytes {
        small if small < 10.0 * 1024.0 => format!("{:.2} GiB", small / 1024.0),
        medium if medium < 10.0 * 1024.0 * 1024.0 => format!("{:.1} GiB", medium / 1024.0),
        large => format!("{:.1} TiB", large / 1024.0 / 1024.0),
    }
}

/// A name of the system's, as one line of bounded length.
fn shown(name: &str) -> String {
    let clean = |character: char| if character.is_control() { '\u{fffd}' } else { character };
    let mut shown: String = name.chars().take(MAX_NAME).map(clean).collect();
    if name.chars().nth(MAX_NAME).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::vitals::Disk;
    use super::*;

    const TOTAL: f64 = 20_480.0;

    /// Figures with so much room in percent.
    fn vitals(cpu: f64, memory: f64, disks: &[(&str, f64)]) -> Vitals {
        let room = |percent: f64| Room { available: TOTAL * percent / 100.0, total: TOTAL };
        let disks =
            disks.iter().map(|(name, percent)| Disk { mount_point: (*name).into(), room: room(*percent) });
        Vitals { cpu_idle: cpu, memory: room(memory), disks: disks.collect() }
    }

    /// The titles that come of showing the same figures so often.
    fn titles(watch: &mut Watch, times: usize, vitals: &Vitals) -> Vec<String> {
        (0..times).flat_map(|_| watch.observe(vitals)).map(|notice| notice.title).collect()
    }

    #[test]
    fn each_shortage_is_told_once_and_its_end_too() {
        let mut watch = Watch::new(&Thresholds::default());
        let well = vitals(80.0, 50.0, &[("/", 40.0), ("/data", 30.0)]);
        let short = vitals(4.0, 2.0, &[("/", 40.0), ("/data", 4.2)]);
        assert!(titles(&mut watch, 20, &well).is_empty());
        assert_eq!(
            titles(&mut watch, 20, &short),
            [
                "Low memory: 2.0 % available",
                "Low disk space on /data: 4.2 % available",
                "High CPU: 96 % in use"
            ]
        );
        assert_eq!(
            titles(&mut watch, 20, &well),
            [
                "Memory recovered: 50.0 % available",
                "Disk space on /data recovered: 30.0 % available",
                "CPU recovered: 20 % in use"
            ]
        );
    }

    #[test]
    fn between_the_limits_nothing_turns() {
        let mut watch = Watch::new(&Thresholds::default());
        let between = vitals(12.0, 6.0, &[("/", 6.0)]);
        assert!(titles(&mut watch, 20, &between).is_empty());
        assert_eq!(titles(&mut watch, 20, &vitals(1.0, 1.0, &[("/", 1.0)])).len(), 3);
        assert!(titles(&mut watch, 20, &between).is_empty());
    }

    #[test]
    fn a_disk_that_goes_away_while_it_is_full_is_told_of() {
        let mut watch = Watch::new(&Thresholds::default());
        let name = format!("/mnt/{}\u{7}", "x".repeat(100));
        let both = vitals(80.0, 50.0, &[(&name, 0.0), ("/ok", 50.0)]);
        assert_eq!(titles(&mut watch, 9, &both).len(), 1);
        let told = titles(&mut watch, 9, &vitals(80.0, 50.0, &[]));
        assert_eq!(told, [format!("/mnt/{}… is no longer mounted", "x".repeat(55))]);
    }

    #[test]
    fn what_is_off_is_not_looked_at() {
        let off = Thresholds {
            cpu_idle: None,
            memory_available: None,
            disk_available: None,
            ..Thresholds::default()
        };
        assert!(!off.any());
        assert!(titles(&mut Watch::new(&off), 20, &vitals(0.0, 0.0, &[("/", 0.0)])).is_empty());
    }

    #[test]
    fn a_host_that_tells_no_sizes_raises_nothing() {
        let nothing = Vitals { cpu_idle: 50.0, ..Vitals::default() };
        assert!(titles(&mut Watch::new(&Thresholds::default()), 20, &nothing).is_empty());
    }

    #[test]
    fn sizes_are_told_in_words() {
        let mut watch = Watch::new(&Thresholds::default());
        let short = vitals(80.0, 50.0, &[("/", 1.0)]);
        let notice = (0..9).find_map(|_| watch.observe(&short).pop()).unwrap();
        assert_eq!(
            (notice.severity, &*notice.text),
            (Severity::Critical, "0.20 GiB of 20.0 GiB on this disk.")
        );
    }
}
