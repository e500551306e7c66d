//! Reads the few figures that alerts need. Blocking. Far less than the metrics, because it runs while nobody looks.

use sysinfo::{DiskRefreshKind, Disks, MemoryRefreshKind, System};

use crate::apps::host::{devices, megabytes, text};

/// What there was at one moment. Sizes in MB of 1,048,576 bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Vitals {
    /// Of all cores together, since the sample before, 0 to 100 %.
    pub(super) cpu_idle: f64,
    pub(super) memory: Room,
    pub(super) disks: Vec<Disk>,
}

/// A writable disk.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    pub(super) mount_point: String,
    pub(super) room: Room,
}

/// What is left, of what.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Room {
    pub(super) available: f64,
    pub(super) total: f64,
}

impl Room {
    /// 0 to 100; not a number when there is nothing at all, which raises and clears no alarm.
    pub(super) fn percent(self) -> f64 {
        self.available / self.total * 100.0
    }
}

/// Holds what the use of the cores is counted from.
#[derive(Debug)]
pub(super) struct Gauge {
    system: System,
    disks: Disks,
}

impl Gauge {
    /// Takes the starting point.
    pub(super) fn new() -> Result<Self, sysinfo::Error> {
        let mut system = System::new()?;
        system.refresh_cpu_usage();
        Ok(Self { system, disks: Disks::new()? })
    }

    /// The figures now.
    pub(super) fn read(&mut self) -> Vitals {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        self.disks.refresh_specifics(true, DiskRefreshKind::nothing().with_storage());
        let memory = Room {
            available: megabytes(self.system.available_memory()),
            total: megabytes(self.system.total_memory()),
        };
        // An image that is mounted to be read has no room by design.
        let disks = devices(&self.disks).into_iter().filter(|disk| !disk.is_read_only());
        let disks = disks.map(|disk| Disk {
            mount_point: text(disk.mount_point().as_os_str()),
            room: Room { available: megabytes(disk.available_space()), total: megabytes(disk.total_space()) },
        });
        Vitals { cpu_idle: 100.0 - f64::from(self.system.global_cpu_usage()), memory, disks: disks.collect() }
    }
}
