//! The proxies: how each is given the settings of the page, started and reloaded.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::guide::Guide;
use crate::process::Process;
use crate::{namespace, shell, tools};

/// Where the page has the certificate.
const CERTIFICATES: &str = "/etc/ssl/hub";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    Nginx,
    Haproxy,
    Caddy,
}

/// A running proxy.
pub(super) struct Proxy {
    kind: Kind,
    settings: PathBuf,
    process: Process,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Nginx, Self::Haproxy, Self::Caddy];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
        }
    }

    fn settings(self, guide: &Guide, folder: &Path) -> Result<String> {
        Ok(match self {
            // What Debian's own file says around the two blocks, as far as a proxy needs it.
            Self::Nginx => format!(
                "user www-data;\nworker_processes auto;\npid {0}/pid;\nerror_log {0}/error.log;\n{1}\nhttp {{\naccess_log off;\n{2}}}\n",
                folder.display(),
                guide.block("nginx.conf")?,
                guide.block("hub.conf")?
            ),
            Self::Haproxy => guide.block("haproxy.cfg")?.to_owned(),
            Self::Caddy => guide.block("Caddyfile")?.to_owned(),
        })
    }

    /// In the foreground.
    fn command(self, settings: &Path) -> Result<Command> {
        let mut command = shell::program(tools::path(self.name()).context("not installed")?);
        match self {
            Self::Nginx => command.args(["-g", "daemon off;", "-c"]).arg(settings),
            Self::Haproxy => command.args(["-W", "-f"]).arg(settings),
            Self::Caddy => command.args(["run", "--adapter", "caddyfile", "--config"]).arg(settings),
        };
        Ok(command)
    }
}

impl Proxy {
    /// With the certificates of `folder` in place of those of the page.
    pub(super) fn start(kind: Kind, guide: &Guide, folder: &Path) -> Result<Self> {
        let settings = folder.join(format!("{}.conf", kind.name()));
        let text = kind.settings(guide, folder)?.replace(CERTIFICATES, &folder.to_string_lossy());
        fs::write(&settings, text)?;
        let mut command = kind.command(&settings)?;
        let log = fs::File::create(folder.join("proxy.log"))?;
        command.env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Ok(Self { kind, settings, process: Process::start(&mut command)? })
    }

    pub(super) fn wait_until_listening(&mut self, address: &str) -> Result<()> {
        self.process.wait_until_listening(address)
    }

    /// As its unit in Debian does.
    pub(super) fn reload(&self) -> Result<()> {
        let pid = self.process.pid().to_string();
        match self.kind {
            Kind::Nginx => namespace::call("kill", &["-HUP", &pid]),
            Kind::Haproxy => namespace::call("kill", &["-USR2", &pid]),
            Kind::Caddy => {
                let mut caddy = shell::program("caddy");
                caddy.args(["reload", "--force", "--adapter", "caddyfile", "--config"]).arg(&self.settings);
                shell::run(caddy.stderr(Stdio::null()))
            }
        }
    }

    /// Its name and version.
    pub(super) fn version(&self) -> Result<String> {
        let flag = if self.kind == Kind::Caddy { "version" } else { "-v" };
        let output =
            shell::program(tools::path(self.kind.name()).context("not installed")?).arg(flag).output()?;
        let text = String::from_utf8([output.stdout, output.stderr].concat())?;
        let is_version = |word: &&str| word.contains(|char: char| char.is_ascii_digit());
        let version = text.split([' ', '/', '\n']).find(is_version).unwrap_or_default();
        Ok(format!("{} {version}", self.kind.name()))
    }
}
