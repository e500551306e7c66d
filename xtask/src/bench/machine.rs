//! The heading of each report: the command, and the machine it ran on.

use std::fs::read_to_string;
use std::sync::LazyLock;

/// Cores that this program may use when it starts, before [`apart`](super::cores::apart) takes some.
pub(super) static CORES: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

pub(super) fn print_heading() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let cores = *CORES;
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    println!("\ncommand   cargo xtask {}", words.join(" "));
    println!("machine   {cores} cores, {}, Linux {}", cpu_model(), kernel.trim());
}

fn cpu_model() -> String {
    let info = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "unknown processor".to_owned(), |(_, name)| name.trim().to_owned())
}
