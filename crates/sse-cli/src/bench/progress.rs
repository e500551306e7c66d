//! The progress line on stderr, which is rewritten in place. Only on a terminal, and cut to its width.

use std::io::{IsTerminal, Write};

use crate::status::StatusArgs;
use crate::units::{thousands, time};

/// Back to the start of the line, and clear it.
const CLEAR: &str = "\r\x1b[K";

/// The line. Cleared when this is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    shown: bool,
}

#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) seconds: f64,
    pub(super) of_seconds: f64,
    pub(super) per_second: f64,
    /// p50 and p99 since the last snapshot, in seconds.
    pub(super) latency: Option<(f64, f64)>,
    pub(super) doubled: u64,
    pub(super) out_of_order: u64,
    pub(super) cut: usize,
    /// Cores used.
    pub(super) server: Option<f64>,
}

impl Progress {
    pub(super) fn new(args: &StatusArgs) -> Self {
        Self { shown: !args.quiet && std::io::stderr().is_terminal() }
    }

    pub(super) fn opening(&self, opened: usize, failed: usize, of: usize) {
        let failed =
            if failed > 0 { format!(", {} failed", thousands(failed as f64)) } else { String::new() };
        let [opened, of] = [opened, of].map(|streams| thousands(streams as f64));
        self.put(&format!("opening  {opened} of {of} streams{failed}"));
    }

    pub(super) fn measuring(&self, snapshot: &Snapshot) {
        self.put(&snapshot.line());
    }

    fn put(&self, line: &str) {
        if !self.shown {
            return;
        }
        let columns =
            terminal_size::terminal_size_of(std::io::stderr()).map_or(80, |(width, _)| usize::from(width.0));
        // One less: some terminals wrap when the last column is written.
        let line: String = line.chars().take(columns.saturating_sub(1)).collect();
        // A closed stderr is no failure.
        let _ = write!(std::io::stderr().lock(), "{CLEAR}{line}");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.put("");
    }
}

impl Snapshot {
    /// The most important first, because the end may be cut.
    fn line(&self) -> String {
        let mut line = format!("{:.0}/{:.0} s", self.seconds, self.of_seconds);
        line += &format!("  {} deliveries/s", thousands(self.per_second));
        if let Some((p50, p99)) = self.latency {
            line += &format!("  p50 {}  p99 {}", time(p50), time(p99));
        }
        let problems =
            [(self.cut as u64, "cut"), (self.doubled, "doubled"), (self.out_of_order, "out of order")];
        for (number, what) in problems.into_iter().filter(|(number, _)| *number > 0) {
            line += &format!("  {} {what}", thousands(number as f64));
        }
        if let Some(cores) = self.server {
            line += &format!("  server {:.0} %", cores * 100.0);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_line_fits_80_columns() {
        let snapshot = Snapshot {
            seconds: 12.0,
            of_seconds: 60.0,
            per_second: 1_234_567.0,
            latency: Some((0.001_24, 0.0124)),
            doubled: 0,
            out_of_order: 0,
            cut: 0,
            server: Some(1.45),
        };
        let line = snapshot.line();
        assert_eq!(line, "12/60 s  1,234,567 deliveries/s  p50 1.24 ms  p99 12.4 ms  server 145 %");
        assert!(line.chars().count() < 80);
    }
}
