//! The contents of a package: release binaries, shell completions and man pages, written to `target/dist`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::shell;

const BINARIES: [&str; 2] = ["sse-server", "sse-cli"];
/// Shells, and the file names under which they look for completions.
const SHELLS: [(&str, &str); 5] = [
    ("bash", "sse-cli"),
    ("zsh", "_sse-cli"),
    ("fish", "sse-cli.fish"),
    ("elvish", "sse-cli.elv"),
    ("powershell", "_sse-cli.ps1"),
];

pub(crate) fn run() -> Result<()> {
    shell::build_release()?;
    let folder = shell::target().join("dist");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    for part in ["bin", "completions", "man"] {
        fs::create_dir_all(folder.join(part))?;
    }
    for binary in BINARIES {
        fs::copy(shell::release_binary(binary), folder.join("bin").join(binary))?;
    }
    for (shell, file) in SHELLS {
        completions(shell, &folder.join("completions").join(file))?;
    }
    man_pages(&folder.join("man"))?;
    println!("{}", folder.display());
    Ok(())
}

fn man_pages(folder: &Path) -> Result<()> {
    clap_mangen::generate_to(sse_cli::definition(), folder).context("cannot write man pages")
}

fn completions(shell: &str, file: &Path) -> Result<()> {
    let output = shell::program(shell::release_binary("sse-cli")).args(["completions", shell]).output()?;
    ensure!(output.status.success(), "no completions for {shell}: {}", output.status);
    fs::write(file, output.stdout).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_man_page_with_its_examples() {
        let folder = tempfile::tempdir().unwrap();
        man_pages(folder.path()).unwrap();
        for command in ["tail", "publish", "bench", "doctor", "completions"] {
            let page = fs::read_to_string(folder.path().join(format!("sse-cli-{command}.1"))).unwrap();
            assert!(page.contains(&format!("sse\\-cli {command}")), "{page}");
        }
        assert!(folder.path().join("sse-cli.1").is_file());
    }
}
