//! The packages of clients, in exact versions, and the programs that use them. Installed in the build output.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{shell, tools};

/// Packages of npm: the folder in `node_modules`, and the version.
pub(super) const NPM: [(&str, &str); 5] = [
    ("eventsource-3", "eventsource@3.0.7"),
    ("eventsource-4", "eventsource@4.1.1"),
    ("eventsource-5", "eventsource@5.1.5"),
    ("eventsource-client", "eventsource-client@1.2.0"),
    ("launchdarkly-eventsource", "launchdarkly-eventsource@2.2.0"),
];
/// Packages of PyPI: the module, and the version.
pub(super) const PYPI: [(&str, &str); 2] =
    [("sseclient", "sseclient-py==1.9.0"), ("httpx_sse", "httpx-sse==0.4.3")];
/// The HTTP clients under those.
const PYPI_HTTP: [&str; 2] = ["requests==2.34.2", "httpx==0.28.1"];

/// The programs, with their files in the folder.
const PROGRAMS: [(&str, &str); 3] = [
    ("package.json", "{\"private\":true}\n"),
    ("npm.mjs", include_str!("../../clients/npm.mjs")),
    ("pypi.py", include_str!("../../clients/pypi.py")),
];

/// The folder of installed packages.
pub(super) struct Packages {
    folder: PathBuf,
}

impl Packages {
    /// Installs what is missing.
    ///
    /// # Errors
    /// Names the command that failed.
    pub(super) fn install() -> Result<Self> {
        tools::need(&[("node", "nodejs"), ("npm", "npm"), ("python3", "python3-venv")])?;
        let packages = Self { folder: shell::target().join("clients") };
        std::fs::create_dir_all(&packages.folder)?;
        for (name, text) in PROGRAMS {
            std::fs::write(packages.folder.join(name), text)?;
        }
        let npm = NPM.map(|(folder, package)| format!("{folder}@npm:{package}"));
        let mut command = Command::new("npm");
        command.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--silent"]).args(npm);
        shell::run(command.current_dir(&packages.folder)).context("cannot install from npm")?;
        if !packages.python().is_file() {
            let mut venv = Command::new("python3");
            shell::run(venv.args(["-m", "venv"]).arg(packages.folder.join("venv")))
                .context("cannot make a virtual environment; on Debian: apt-get install python3-venv")?;
        }
        let mut pip = Command::new(packages.python());
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PYPI_HTTP);
        shell::run(pip.args(PYPI.map(|(_, package)| package))).context("cannot install from PyPI")?;
        Ok(packages)
    }

    /// The program around a package of npm; takes its folder and a URL.
    pub(super) fn npm(&self) -> Command {
        let mut command = Command::new("node");
        command.arg(self.folder.join("npm.mjs"));
        command
    }

    /// The program around a package of PyPI; takes its module and a URL.
    pub(super) fn pypi(&self) -> Command {
        let mut command = Command::new(self.python());
        command.arg(self.folder.join("pypi.py"));
        command
    }

    fn python(&self) -> PathBuf {
        self.folder.join("venv/bin/python")
    }
}
