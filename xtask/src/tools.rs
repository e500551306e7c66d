//! Programs that tests need and that do not come with Rust: installed with apt as root, else asked for by name.

use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

/// Makes sure that these programs are there. Each is (program, Debian package that has it).
pub(crate) fn need(wanted: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> =
        wanted.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !is_root() || !is_there("apt-get") {
        bail!("these tests need more programs; install them:\n  sudo apt-get install {}", missing.join(" "));
    }
    let apt = |args: &[&str]| {
        shell::run(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").arg("-qq").args(args))
    };
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], missing.as_slice()].concat())
}

/// Servers of Debian are in `/usr/sbin`, which is not on the path of everybody.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/sbin".into()]).any(|folder| folder.join(program).is_file())
}

pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
