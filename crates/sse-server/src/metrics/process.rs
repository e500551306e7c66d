//! Metrics of the process, under the names that all programs use, and what was built.

use std::fmt;

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};

use super::exposition::{BYTES, Exposition, SECONDS};

/// What the system says of this process; what it does not say is left out.
#[derive(Debug, Default)]
pub(super) struct ProcessFigures {
    cpu_millis: Option<u64>,
    memory_bytes: Option<u64>,
    open_files: Option<usize>,
    most_files: Option<usize>,
}

impl ProcessFigures {
    /// Blocks: the files are counted one by one.
    pub(super) fn read() -> Self {
        let (Ok(pid), Ok(mut system)) = (get_current_pid(), System::new()) else { return Self::default() };
        let wanted = ProcessRefreshKind::nothing().without_tasks().with_cpu().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, wanted);
        let Some(process) = system.process(pid) else { return Self::default() };
        Self {
            cpu_millis: Some(process.accumulated_cpu_time()),
            memory_bytes: Some(process.memory()),
            open_files: process.open_files(),
            most_files: process.open_files_limit(),
        }
    }

    pub(super) fn write(&self, to: &mut Exposition<'_>) -> fmt::Result {
        if let Some(millis) = self.cpu_millis {
            let seconds = millis as f64 / 1000.0;
            to.counter(("process_cpu", SECONDS, "Processor time, of user and system"), seconds)?;
        }
        if let Some(bytes) = self.memory_bytes {
            to.gauge(("process_resident_memory", BYTES, "Memory that is resident"), bytes)?;
        }
        if let Some(files) = self.open_files {
            to.gauge(("process_open_fds", None, "Open files, connections among them"), files as u64)?;
        }
        if let Some(files) = self.most_files {
            to.gauge(("process_max_fds", None, "Open files that there may be"), files as u64)?;
        }
        Ok(())
    }
}

pub(super) fn write_build(to: &mut Exposition<'_>) -> fmt::Result {
    let help = "The version that runs";
    to.info(("build", None, help), [("version", env!("CARGO_PKG_VERSION"))])
}
