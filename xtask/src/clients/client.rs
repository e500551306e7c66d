//! A client under test: a browser, or a small program around a package. Each prints what it receives, one event a line.

use std::io::{BufRead, BufReader, pipe};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

use super::packages::{NPM, PYPI, Packages};
use crate::process::Process;

/// Makes Firefox print what pages log, and call nobody.
const FIREFOX_SETTINGS: &str = r#"
user_pref("devtools.console.stdout.content", true);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("app.normandy.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
"#;

/// A running client; killed when dropped.
pub(super) struct Client {
    /// With its version.
    pub(super) name: String,
    _process: Process,
    /// All lines so far.
    output: Arc<Mutex<Vec<String>>>,
}

impl Client {
    /// Chromium and Firefox on the page at `url`, with their profiles in `folder`.
    pub(super) fn browsers(url: &str, folder: &Path) -> Result<Vec<Self>> {
        let profile = folder.join("chromium");
        let mut chromium = Command::new("chromium");
        chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]);
        chromium.arg("--enable-logging=stderr").arg(format!("--user-data-dir={}", profile.display()));
        let profile = folder.join("firefox");
        std::fs::create_dir_all(&profile)?;
        std::fs::write(profile.join("user.js"), FIREFOX_SETTINGS)?;
        let mut firefox = Command::new("firefox-esr");
        firefox.args(["--headless", "--no-remote", "--profile"]).arg(profile);
        let start = |mut browser: Command| Self::start(version(&browser)?, browser.arg(url));
        Ok(vec![start(chromium)?, start(firefox)?])
    }

    /// A client of each package on the event stream at `url`.
    pub(super) fn packages(url: &str, packages: &Packages) -> Result<Vec<Self>> {
        let npm = NPM.iter().map(|(folder, package)| (packages.npm(), folder, package));
        let pypi = PYPI.iter().map(|(module, package)| (packages.pypi(), module, package));
        let start = |(mut program, name, package): (Command, &&str, &&str)| {
            Self::start((*package).to_owned(), program.args([name, url]))
        };
        npm.chain(pypi).map(start).collect()
    }

    fn start(name: String, command: &mut Command) -> Result<Self> {
        let (reader, writer) = pipe()?;
        let process = Process::start(command.stdout(writer.try_clone()?).stderr(writer))?;
        let output = Arc::<Mutex<Vec<String>>>::default();
        let lines = Arc::clone(&output);
        std::thread::spawn(move || {
            for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Ok(Self { name, _process: process, output })
    }

    /// All that it has printed.
    pub(super) fn output(&self) -> Vec<String> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The data of all events so far.
    pub(super) fn received(&self) -> Vec<String> {
        self.output().iter().filter_map(|line| received(line)).map(str::to_owned).collect()
    }
}

/// What a line says is received. Browsers print other things around it.
fn received(line: &str) -> Option<&str> {
    let (_, data) = line.split_once("received(")?;
    data.split_once(')').map(|(data, _)| data)
}

fn version(browser: &Command) -> Result<String> {
    let mut command = Command::new(browser.get_program());
    let output = command.arg("--version").output().with_context(|| format!("cannot run {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split(" built on ").next().unwrap_or_default().trim().to_owned())
}
