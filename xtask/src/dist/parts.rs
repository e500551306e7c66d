//! The folder that the tarball has, and of which the Debian package is made.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::files::{BINARIES, install};
use super::licences;
use crate::shell;

const SHELLS: [&str; 5] = ["bash", "zsh", "fish", "elvish", "powershell"];
/// Files of the repository, and where they are in the tarball.
const FILES: [(&str, &str); 8] = [
    ("packaging/sse-hub.service", "systemd/sse-hub.service"),
    ("packaging/sysusers.conf", "systemd/sysusers.conf"),
    ("packaging/hub.toml", "etc/hub.toml"),
    ("packaging/environment", "etc/environment"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("README.md", "README.md"),
    ("LICENSE-MIT", "LICENSE-MIT"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
];

/// Makes it in this folder.
pub(super) fn make(folder: &Path, version: &str) -> Result<PathBuf> {
    let parts = folder.join(format!("sse-hub-{version}-{}-linux", std::env::consts::ARCH));
    for made in ["bin", "completions", "man"] {
        fs::create_dir_all(parts.join(made))?;
    }
    for (name, built) in BINARIES.into_iter().zip([shell::server_binary(), shell::cli_binary()]) {
        install(&["--strip", "--mode=755"], &built, &parts.join("bin").join(name))?;
        for shell in SHELLS {
            let script = shell::program(&built).args(["completions", shell]).output()?;
            ensure!(script.status.success(), "{name}: no completions for {shell}: {}", script.status);
            fs::write(parts.join("completions").join(format!("{name}.{shell}")), script.stdout)?;
        }
    }
    man_pages(&parts.join("man"))?;
    for (from, to) in FILES {
        install(&["--mode=644"], &shell::root().join(from), &parts.join(to))?;
    }
    for guide in guides()? {
        let name = guide.strip_prefix(shell::root())?;
        install(&["--mode=644"], &guide, &parts.join(name))?;
    }
    fs::write(parts.join("THIRD-PARTY-LICENSES"), licences::text()?)?;
    Ok(parts)
}

/// The Markdown and the other files of `docs/`, without decisions and images.
fn guides() -> Result<Vec<PathBuf>> {
    let docs = shell::root().join("docs");
    let mut guides = Vec::new();
    for folder in [docs.clone(), docs.join("operations")] {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            guides.extend(path.is_file().then_some(path));
        }
    }
    Ok(guides)
}

fn man_pages(folder: &Path) -> Result<()> {
    man_pages_of_cli(folder)?;
    shell::run(shell::program(shell::server_binary()).arg("man").arg(folder))
}

fn man_pages_of_cli(folder: &Path) -> Result<()> {
    clap_mangen::generate_to(sse_cli::definition(), folder).context("cannot write man pages")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_man_page_with_its_examples() {
        let folder = tempfile::tempdir().unwrap();
        man_pages_of_cli(folder.path()).unwrap();
        for command in ["tail", "publish", "bench", "doctor", "completions"] {
            let page = fs::read_to_string(folder.path().join(format!("sse-cli-{command}.1"))).unwrap();
            assert!(page.contains(&format!("sse\\-cli {command}")), "{page}");
        }
        assert!(folder.path().join("sse-cli.1").is_file());
    }
}
