//! Samples the host. Blocking; knows no topics.

use std::time::{Duration, Instant};

use sse_core::payload::{Disk, HubFigures, Metrics, Network};
use sysinfo::{DiskRefreshKind, Disks, Networks, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::apps::host::{MOST_LISTED, devices, megabytes, text};
use crate::timestamp;

/// Holds what the rates are counted from.
#[derive(Debug)]
pub(super) struct Sampler {
    system: System,
    disks: Disks,
    networks: Networks,
    sampled: Instant,
    host_name: Option<String>,
    os: Option<String>,
}

impl Sampler {
    /// Takes the starting point of the rates.
    pub(super) fn new() -> Result<Self, sysinfo::Error> {
        let mut system = System::new()?;
        system.refresh_cpu_usage();
        Ok(Self {
            system,
            disks: Disks::new()?,
            networks: Networks::new_with_refreshed_list()?,
            sampled: Instant::now(),
            host_name: System::host_name().ok(),
            os: System::long_os_version().ok(),
        })
    }

    /// One sample. Rates and uses are since the sample before; `interval` and `hub` are only passed on.
    pub(super) fn sample(&mut self, interval: Duration, hub: HubFigures) -> Metrics {
        self.refresh();
        let seconds = self.sampled.elapsed().as_secs_f64();
        self.sampled = Instant::now();
        let system = &self.system;
        let load = System::load_average().map_or([0.0; 3], |load| [load.one, load.five, load.fifteen]);
        Metrics {
            time: timestamp::now(),
            cpu_load: load[0],
            load_average: load,
            cpu_usage: one_decimal(system.global_cpu_usage()),
            cpus: system.cpus().iter().map(|cpu| one_decimal(cpu.usage())).collect(),
            cpu_count: system.cpus().len(),
            total_memory: megabytes(system.total_memory()),
            free_memory: megabytes(system.free_memory()),
            available_memory: megabytes(system.available_memory()),
            used_memory: megabytes(system.used_memory()),
            total_swap: megabytes(system.total_swap()),
            used_swap: megabytes(system.used_swap()),
            uptime: System::uptime().unwrap_or_default(),
            disks: disks(&self.disks),
            networks: networks(&self.networks, seconds),
            host_name: self.host_name.clone(),
            os: self.os.clone(),
            process_count: system.processes().len(),
            interval: interval.as_secs_f64(),
            hub,
        }
    }

    fn refresh(&mut self) {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        let nothing = ProcessRefreshKind::nothing().without_tasks();
        self.system.refresh_processes_specifics(ProcessesToUpdate::All, true, nothing);
        self.disks.refresh_specifics(true, DiskRefreshKind::nothing().with_storage());
        self.networks.refresh(true);
    }
}

fn disks(disks: &Disks) -> Vec<Disk> {
    let shown = devices(disks).into_iter().map(|disk| Disk {
        name: text(disk.name()),
        mount_point: text(disk.mount_point().as_os_str()),
        file_system: text(disk.file_system()),
        total: megabytes(disk.total_space()),
        available: megabytes(disk.available_space()),
    });
    shown.collect()
}

/// Interfaces that have carried anything, by name.
fn networks(networks: &Networks, seconds: f64) -> Vec<Network> {
    let rate = |bytes: u64| if seconds > 0.0 { (bytes as f64 / seconds).round() } else { 0.0 };
    let used = networks.iter().filter(|(_, data)| data.total_received() + data.total_transmitted() > 0);
    let mut networks: Vec<Network> = used
        .map(|(name, data)| Network {
            name: text(name),
            received_per_second: rate(data.received()),
            transmitted_per_second: rate(data.transmitted()),
            received_total: data.total_received(),
            transmitted_total: data.total_transmitted(),
        })
        .collect();
    networks.sort_by(|a, b| a.name.cmp(&b.name));
    networks.truncate(MOST_LISTED);
    networks
}

fn one_decimal(percent: f32) -> f32 {
    (percent * 10.0).round() / 10.0
}
