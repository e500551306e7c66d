//! Watches the free space of the disk that the log is on, so that publishing stops before there is none.

use std::path::{Path, PathBuf};

/// By default this part of the disk stays free, but no more than so many bytes.
const FREE_PART: u64 = 20;
const FREE_BYTES: u64 = 1 << 30;

#[derive(Debug)]
pub(super) struct FreeSpace {
    folder: PathBuf,
    /// Bytes to leave; `None` for the default.
    floor: Option<u64>,
    is_low: bool,
}

impl FreeSpace {
    pub(super) fn of(folder: PathBuf, floor: Option<u64>) -> Self {
        Self { folder, floor, is_low: false }
    }

    pub(super) fn set_floor(&mut self, floor: Option<u64>) {
        self.floor = floor;
    }

    /// Is there room for as much as this file has?
    pub(super) fn has_room_for(&self, file: &Path) -> bool {
        let bytes = file.metadata().map_or(0, |file| file.len());
        fs4::available_space(&self.folder).map_or(true, |free| free > bytes)
    }

    /// Is there less than has to stay free? Once there is, until an eighth more than that is free again.
    pub(super) fn is_low(&mut self) -> bool {
        let disk = match fs4::statvfs(&self.folder) {
            Ok(disk) => disk,
            Err(error) => {
                tracing::debug!(%error, "the free space of the disk is not known");
                return false;
            }
        };
        let floor = self.floor.unwrap_or((disk.total_space() / FREE_PART).min(FREE_BYTES));
        let free = disk.available_space();
        let was_low = self.is_low;
        self.is_low = free < if was_low { floor + floor / 8 } else { floor };
        if self.is_low && !was_low {
            tracing::error!(
                free,
                floor,
                "the disk is nearly full: events are refused until there is more room"
            );
        } else if was_low && !self.is_low {
            tracing::info!(free, floor, "there is room on the disk again");
        }
        self.is_low
    }
}
