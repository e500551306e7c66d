//! CPU time and memory of processes and threads, from `/proc`; elsewhere nothing is known.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `/proc` gives CPU time in hundredths of a second.
const MILLIS_PER_TICK: u64 = 10;

#[derive(Debug, Clone)]
pub(super) struct Processes(Vec<u32>);

/// The sum over all processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// User and kernel time since they started, in steps of 10 ms.
    pub(super) cpu: Duration,
    pub(super) memory_bytes: u64,
}

impl Processes {
    /// Fails when one of them cannot be measured.
    pub(super) fn new(pids: &[u32]) -> anyhow::Result<Self> {
        let has_proc = pids.is_empty() || Path::new("/proc/self/stat").exists();
        anyhow::ensure!(has_proc, "--pid needs /proc, which only Linux has");
        if let Some(gone) = pids.iter().find(|pid| of_process(**pid).is_none()) {
            anyhow::bail!("--pid {gone}: there is no such process");
        }
        Ok(Self(pids.to_vec()))
    }

    /// Their current use; an ended process uses nothing. `None` when there are none.
    pub(super) fn usage(&self) -> Option<Usage> {
        let add = |sum: Usage, one: Usage| Usage {
            cpu: sum.cpu + one.cpu,
            memory_bytes: sum.memory_bytes + one.memory_bytes,
        };
        (!self.0.is_empty())
            .then(|| self.0.iter().filter_map(|pid| of_process(*pid)).fold(Usage::default(), add))
    }

    pub(super) fn pids(&self) -> &[u32] {
        &self.0
    }
}

/// The `/proc` folder of the calling thread.
pub(super) fn this_thread() -> Option<PathBuf> {
    Some(Path::new("/proc").join(std::fs::read_link("/proc/thread-self").ok()?))
}

/// CPU time of the process or thread with this folder.
pub(super) fn cpu_time(folder: &Path) -> Option<Duration> {
    let text = read_to_string(folder.join("stat")).ok()?;
    // The name before it may contain spaces and brackets.
    let (_, fields) = text.rsplit_once(") ")?;
    let ticks: u64 = fields.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<Result<_, _>>().ok()?;
    Some(Duration::from_millis(ticks * MILLIS_PER_TICK))
}

fn of_process(pid: u32) -> Option<Usage> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let status = read_to_string(folder.join("status")).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes: u64 =
        resident.and_then(|text| text.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(0);
    Some(Usage { cpu: cpu_time(&folder)?, memory_bytes: kibibytes * 1024 })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn sees_this_process_and_no_other() {
        let own = std::process::id();
        let twice = Processes::new(&[own, own]).unwrap().usage().unwrap();
        assert!(twice.memory_bytes > 2 << 20, "two times more than a MiB");
        assert!(cpu_time(&this_thread().unwrap()).is_some());
        let gone = Processes::new(&[own, u32::MAX]).unwrap_err();
        assert_eq!(gone.to_string(), format!("--pid {}: there is no such process", u32::MAX));
        assert_eq!(Processes::new(&[]).unwrap().usage(), None);
    }
}
