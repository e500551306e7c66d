//! The Debian package: the parts of the tarball where Debian has such files, and what dpkg is told.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::files::{BINARIES, empty, install};
use crate::{shell, tools};

/// Files of the tarball, and where they are installed.
const FILES: [(&str, &str); 9] = [
    ("systemd/sse-hub.service", "usr/lib/systemd/system/sse-hub.service"),
    ("systemd/sysusers.conf", "usr/lib/sysusers.d/sse-hub.conf"),
    ("etc/hub.toml", "etc/sse-hub/hub.toml"),
    ("etc/environment", "etc/default/sse-hub"),
    ("CHANGELOG.md", "usr/share/doc/sse-hub/changelog.md"),
    ("LICENSE-MIT", "usr/share/doc/sse-hub/LICENSE-MIT"),
    ("LICENSE-APACHE", "usr/share/doc/sse-hub/LICENSE-APACHE"),
    ("THIRD-PARTY-LICENSES", "usr/share/doc/sse-hub/THIRD-PARTY-LICENSES"),
    ("docs", "usr/share/doc/sse-hub/docs"),
];
/// Scripts and lists for dpkg, and their modes.
const CONTROL: [(&str, &str); 4] = [
    ("conffiles", "--mode=644"),
    ("postinst", "--mode=755"),
    ("prerm", "--mode=755"),
    ("postrm", "--mode=755"),
];
/// Shells of Debian: of which file of the tarball, and where they look for it.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/NAME"),
    ("zsh", "usr/share/zsh/vendor-completions/_NAME"),
    ("fish", "usr/share/fish/vendor_completions.d/NAME.fish"),
];

/// Makes it beside the parts.
pub(super) fn pack(parts: &Path, version: &str) -> Result<PathBuf> {
    tools::need(&[("dpkg-deb", "dpkg"), ("gzip", "gzip"), ("du", "coreutils")])?;
    let folder = parts.parent().context("no folder")?;
    let root = empty(folder.join("debian"))?;
    for (from, to) in FILES {
        copy(&parts.join(from), &root.join(to))?;
    }
    for name in BINARIES {
        install(&["--mode=755"], &parts.join("bin").join(name), &root.join("usr/bin").join(name))?;
        for (shell, place) in COMPLETIONS {
            let script = parts.join("completions").join(format!("{name}.{shell}"));
            copy(&script, &root.join(place.replace("NAME", name)))?;
        }
    }
    let man = root.join("usr/share/man/man1");
    copy(&parts.join("man"), &man)?;
    shell::run(shell::program("gzip").args(["-9", "--no-name", "--recursive"]).arg(&man))?;
    install(&["--mode=644"], &packaging("copyright"), &root.join("usr/share/doc/sse-hub/copyright"))?;
    let architecture = output("dpkg", &["--print-architecture"])?;
    let control = control(&root, version, &architecture)?;
    for (name, mode) in CONTROL {
        install(&[mode], &packaging(name), &root.join("DEBIAN").join(name))?;
    }
    fs::write(root.join("DEBIAN/control"), control)?;
    let file = folder.join(format!("sse-hub_{version}_{architecture}.deb"));
    let mut build = shell::program("dpkg-deb");
    shell::run(build.args(["--root-owner-group", "--build"]).arg(&root).arg(&file))?;
    Ok(file)
}

fn packaging(name: &str) -> PathBuf {
    shell::root().join("packaging/debian").join(name)
}

/// A file, or all files of a folder.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_file() {
        return install(&["--mode=644"], from, to);
    }
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn control(root: &Path, version: &str, architecture: &str) -> Result<String> {
    let size = output("du", &["--summarize", "--block-size=1024", &root.to_string_lossy()])?;
    let size = size.split_whitespace().next().context("no size")?;
    let needed = BINARIES.map(|name| fs::read(root.join("usr/bin").join(name)).map(|binary| glibc(&binary)));
    let needed = needed.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().max().flatten();
    let (major, minor) = needed.context("the binaries do not name a version of glibc")?;
    let text = fs::read_to_string(packaging("control"))?;
    let values = [("VERSION", version), ("ARCHITECTURE", architecture), ("SIZE", size)];
    let text = values.iter().fold(text, |text, (name, value)| text.replace(name, value));
    Ok(text.replace("GLIBC", &format!("{major}.{minor}")))
}

/// The newest version of glibc that a binary wants symbols of.
fn glibc(binary: &[u8]) -> Option<(u32, u32)> {
    const PREFIX: &[u8] = b"GLIBC_";
    let version = |at: usize| {
        let rest = binary.get(at + PREFIX.len()..)?;
        let end = rest.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.')?;
        let (major, minor) = str::from_utf8(rest.get(..end)?).ok()?.split_once('.')?;
        Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
    };
    memchr::memmem::find_iter(binary, PREFIX).filter_map(version).max()
}

fn output(program: &str, args: &[&str]) -> Result<String> {
    let output =
        shell::program(program).args(args).output().with_context(|| format!("cannot run {program}"))?;
    ensure!(output.status.success(), "{program}: {}", output.status);
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_glibc_counts() {
        let binary = b"\0GLIBC_2.17\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_PRIVATE\0GLIBC_2.9\0";
        assert_eq!(glibc(binary), Some((2, 34)));
        assert_eq!(glibc(b"static"), None);
    }
}
