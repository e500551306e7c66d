//! Reads figures of the host for several applications: on a thread for that, because a network disk that hangs must not hold
//! up the server.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use sysinfo::{Disk, Disks};

/// Most devices in a list; hosts of containers have thousands.
pub(super) const MOST_LISTED: usize = 32;

/// Reads with `reader` and gives it back with what it read. `None` if that panicked, which ends the `source` and nothing
/// else.
pub(super) async fn read<R: Send + 'static, T: Send + 'static>(
    source: &str,
    mut reader: R,
    read: impl FnOnce(&mut R) -> T + Send + 'static,
) -> Option<(R, T)> {
    let reading = tokio::task::spawn_blocking(move || {
        let read = read(&mut reader);
        (reader, read)
    });
    reading.await.inspect_err(|error| tracing::error!(%error, source, "the source has stopped")).ok()
}

/// Each device once, at its shortest mount point, in the order of these: containers mount one device in many places.
pub(super) fn devices(disks: &Disks) -> Vec<&Disk> {
    let mut by_device = BTreeMap::<&OsStr, &Disk>::new();
    for disk in disks.iter().filter(|disk| disk.total_space() > 0) {
        // On Windows the name is the volume label: often empty, and not unique.
        let device = if cfg!(windows) { disk.mount_point().as_os_str() } else { disk.name() };
        let shown = by_device.entry(device).or_insert(disk);
        if disk.mount_point().as_os_str().len() < shown.mount_point().as_os_str().len() {
            *shown = disk;
        }
    }
    let mut devices: Vec<&Disk> = by_device.into_values().collect();
    devices.sort_by_key(|disk| disk.mount_point());
    devices.truncate(MOST_LISTED);
    devices
}

pub(super) fn text(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

/// MB of 1,048,576 bytes to one decimal.
pub(super) fn megabytes(bytes: u64) -> f64 {
    (bytes as f64 / 1_048_576.0 * 10.0).round() / 10.0
}
