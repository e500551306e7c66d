//! The disk alone: how long a small append takes until it is durable.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::figures::{median, percentile};

/// One append: an event of 200 bytes with the overhead of a log.
const APPEND: [u8; 256] = [b'x'; 256];

/// Appends to a new file in `folder` with an `fdatasync` each, for `time`, and prints how long one takes.
pub(super) fn print_sync_time(folder: &Path, time: Duration) -> Result<()> {
    let path = folder.join("sync-probe");
    let mut file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    let mut micros = Vec::new();
    let start = Instant::now();
    while start.elapsed() < time || micros.is_empty() {
        let start = Instant::now();
        file.write_all(&APPEND)?;
        file.sync_data()?;
        micros.push(start.elapsed().as_secs_f64() * 1e6);
    }
    std::fs::remove_file(&path)?;
    let (p50, p99) = (median(&micros), percentile(&micros, 99.0));
    println!("bare append and fdatasync       p50 {p50:.0} µs, p99 {p99:.0} µs, {:.0} a second", 1e6 / p50);
    Ok(())
}
