//! A wall clock that can be set while a program runs: libfaketime, preloaded, with its time in a file. The monotonic clocks,
//! CLOCK_MONOTONIC and CLOCK_BOOTTIME, run on: libfaketime is told to leave both alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::tools;

/// For programs with threads.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
/// Where Debian and others have it: in one of these, or in a folder in it.
const LIBRARIES: [&str; 3] = ["/usr/lib", "/usr/local/lib", "/usr/lib64"];

/// The wall clock of one server.
pub(super) struct FakeClock {
    library: PathBuf,
    file: PathBuf,
    /// By how many seconds it is ahead of the true one.
    ahead: i64,
}

impl FakeClock {
    /// A clock that is right, in this folder.
    pub(super) fn new(folder: &Path) -> Result<Self> {
        tools::need(&[("faketime", "faketime")])?;
        let library = find_library().context("libfaketime is not where it is expected")?;
        let clock = Self { library, file: folder.join("wall-clock"), ahead: 0 };
        clock.write("+0")?;
        Ok(clock)
    }

    /// Variables of the environment of a program that has this clock.
    pub(super) fn env(&self) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        vec![
            ("LD_PRELOAD", text(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", text(&self.file)),
            // The file is read anew for each look at the clock.
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
    }

    pub(super) fn ahead(&self) -> i64 {
        self.ahead
    }

    /// Sets it to so many seconds before or behind the true time. Returns by how many seconds it jumps.
    pub(super) fn set(&mut self, ahead: i64) -> Result<i64> {
        self.write(&format!("{ahead:+}"))?;
        Ok(ahead - std::mem::replace(&mut self.ahead, ahead))
    }

    /// Lets it run at another rate from now on, beginning with the true time. The program has run for `uptime`, which
    /// libfaketime multiplies too. Returns by how many seconds it jumps before.
    pub(super) fn slew(&mut self, rate: f64, uptime: Duration) -> Result<i64> {
        self.write(&format!("{:+.3} x{rate}", uptime.as_secs_f64() * (1.0 - rate)))?;
        Ok(-std::mem::take(&mut self.ahead))
    }

    /// As a whole: a program may read at any time.
    fn write(&self, time: &str) -> Result<()> {
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{time}\n"))?;
        std::fs::rename(&new, &self.file).context("cannot set the clock")
    }
}

fn find_library() -> Option<PathBuf> {
    let folders = LIBRARIES.iter().flat_map(|folder| {
        let inner =
            std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        std::iter::once(PathBuf::from(folder)).chain(inner)
    });
    folders.map(|folder| folder.join(LIBRARY)).find(|library| library.is_file())
}

/// Removes the shared memory that a program with a wrong clock leaves behind when it is killed.
pub(super) fn remove_leftovers(process: u32) {
    for name in ["faketime_shm_", "sem.faketime_sem_"] {
        // It may have removed it itself.
        let _ = std::fs::remove_file(format!("/dev/shm/{name}{process}"));
    }
}
