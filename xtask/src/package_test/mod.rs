//! The Debian package in a new Debian that systemd has booted: installed, its unit verified, the figures of the dashboard right
//! under the hardened unit, upgraded under a subscriber, purged.

mod debian;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sse_core::payload::Metrics;

use crate::{dist, namespace, shell, tools};
use debian::Debian;

/// Flags of `cargo xtask package-test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// With a new Debian in it; set when this runs again in a network of its own.
    #[arg(hide = true)]
    folder: Option<PathBuf>,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Where the hub listens as it is installed.
const HUB: &str = "http://127.0.0.1:3000";
/// Published before the upgrade, and as many after it.
const EVENTS: u32 = 10;
const SETTINGS: &str = "/etc/default/sse-hub";
/// What a purge leaves nothing of.
const FILES: [&str; 6] = [
    "/usr/bin/sse-server",
    "/usr/bin/sse-cli",
    "/usr/lib/systemd/system/sse-hub.service",
    "/etc/sse-hub",
    SETTINGS,
    "/var/lib/sse-hub",
];

pub(crate) fn run(args: &Args) -> Result<()> {
    if let Some(folder) = &args.folder {
        return namespace::run(&["--net"], &[], || test(folder));
    }
    ensure!(tools::is_root(), "needs root, to install a Debian in a folder");
    tools::need(&[
        ("debootstrap", "debootstrap"),
        ("systemd-nspawn", "systemd-container"),
        ("ip", "iproute2"),
    ])?;
    shell::build_server_and_cli()?;
    let folder = shell::scratch_folder("package-test")?;
    // Before the network is left.
    Debian::bootstrap(folder.path())?;
    for (version, name) in [(VERSION.to_owned(), "old.deb"), (next(), "new.deb")] {
        let package = dist::debian_package(&folder.path().join(&version), &version)?;
        fs::copy(package, Debian::path(folder.path(), name)).context("cannot copy the package")?;
    }
    let again = ["package-test", &folder.path().to_string_lossy()];
    namespace::run(&["--net"], &again, || Ok(()))
}

/// A version after this one.
fn next() -> String {
    format!("{VERSION}+next")
}

fn test(folder: &Path) -> Result<()> {
    namespace::call("ip", &["link", "set", "lo", "up"])?;
    let debian = Debian::boot(folder)?;
    debian.call(&["apt-get", "install", "--yes", "/old.deb"]).context("install")?;
    println!(
        "installed: {}",
        debian.call(&["systemctl", "show", "--property=ActiveState,StatusText,User", "sse-hub"])?
    );
    unit(&debian)?;
    figures(&debian).context("the dashboard under the unit")?;
    let subscriber = subscriber()?;
    publish(1..=EVENTS)?;
    upgrade(&debian).context("upgrade")?;
    publish(EVENTS + 1..=2 * EVENTS)?;
    received(subscriber)?;
    purge(&debian).context("purge")
}

/// systemd finds no fault in the unit, what it protects, and that the hub runs as its user on files of its own.
fn unit(debian: &Debian) -> Result<()> {
    let said = debian.call(&["systemd-analyze", "verify", "--man=no", "sse-hub.service"])?;
    ensure!(said.is_empty(), "systemd-analyze verify: {said}");
    let score =
        debian.call(&["systemd-analyze", "--no-pager", "security", "--offline=true", "sse-hub.service"])?;
    println!("{}", score.lines().last().unwrap_or_default());
    let users = debian.call(&["ps", "-o", "user=", "-C", "sse-server"])?;
    let owner =
        debian.call(&["stat", "--format=%U %a", "/var/lib/sse-hub", "/var/lib/sse-hub/log.sqlite"])?;
    let settings = debian.call(&["stat", "--format=%U:%G %a", "/etc/sse-hub/hub.toml"])?;
    println!("runs as {users}; its folder and log: {}; settings {settings}", owner.replace('\n', ", "));
    ensure!(users == "sse-hub" && settings == "root:sse-hub 640", "not its user");
    Ok(())
}

/// What the dashboard reads behind the unit is what is so outside of it.
fn figures(debian: &Debian) -> Result<()> {
    let mut tail = shell::program(shell::cli_binary());
    tail.args(["tail", &format!("{HUB}/events"), "--topic", "metrics", "--count", "1", "--json", "--quiet"]);
    let event: Value = serde_json::from_slice(&tail.output().context("cannot run sse-cli")?.stdout)?;
    let sample: Metrics =
        serde_json::from_str(event.get("data").and_then(Value::as_str).context("no sample")?)?;
    let number = |script| anyhow::Ok(debian.call(&["sh", "-c", script])?.trim().parse::<f64>()?);
    let disk = sample.disks.iter().find(|disk| disk.mount_point == "/").map_or(0.0, |disk| disk.total);
    let pairs = [
        ("cores", sample.cpu_count as f64, number("nproc")?),
        ("memory, MB", sample.total_memory, number("awk '/MemTotal/ { print $2 / 1024 }' /proc/meminfo")?),
        ("disk, MB", disk, number("df --block-size=1 --output=size / | awk 'END { print $1 / 1048576 }'")?),
        ("interfaces", sample.networks.len() as f64, number("ls /sys/class/net | wc -l")?),
        ("processes", sample.process_count as f64, number("ls -d /proc/[0-9]* | wc -l")?),
    ];
    for (name, shown, outside) in pairs {
        println!("dashboard: {shown:.0} {name}, outside of the unit {outside:.0}");
        // Processes come and go.
        let allowed = if name == "processes" { 5.0 } else { 1.0 };
        ensure!((shown - outside).abs() <= allowed, "the dashboard shows {shown} {name}");
    }
    Ok(())
}

/// Reads all events to the last, however often the hub restarts.
fn subscriber() -> Result<Child> {
    let mut tail = shell::program(shell::cli_binary());
    tail.args([
        "tail",
        &format!("{HUB}/events"),
        "--topic",
        "orders",
        "--since",
        "earliest",
        "--json",
        "--quiet",
    ]);
    tail.args(["--count", &(2 * EVENTS).to_string(), "--fail-on-gap"]).stdout(Stdio::piped());
    tail.spawn().context("cannot run sse-cli")
}

fn publish(numbers: impl Iterator<Item = u32>) -> Result<()> {
    for number in numbers {
        let mut publish = shell::program(shell::cli_binary());
        publish.args(["publish", "orders", &number.to_string(), "--server", HUB, "--quiet"]);
        shell::run(publish.stdout(Stdio::null()))?;
    }
    Ok(())
}

fn upgrade(debian: &Debian) -> Result<()> {
    debian.call(&["sh", "-c", &format!("echo SSE_APPS=none >> {SETTINGS}")])?;
    let pid = || debian.call(&["systemctl", "show", "--property=MainPID", "--value", "sse-hub"]);
    let before = pid()?;
    debian.call(&["apt-get", "install", "--yes", "/new.deb"])?;
    let version = debian.call(&["dpkg-query", "--show", "--showformat=${Version} ${Status}", "sse-hub"])?;
    let after = pid()?;
    ensure!(before != after && after != "0", "the hub was not restarted: process {before}, then {after}");
    ensure!(debian.call(&["tail", "-1", SETTINGS])? == "SSE_APPS=none", "the settings were not kept");
    let hub = String::from_utf8(curl(&[&format!("{HUB}/hub")])?)?;
    ensure!(hub.contains("\"apps\":[]"), "the settings are not in force: {hub}");
    println!("upgraded: {version}");
    Ok(())
}

/// Each event once and in order.
fn received(subscriber: Child) -> Result<()> {
    let output = subscriber.wait_with_output()?;
    ensure!(output.status.success(), "the subscriber: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let data = |line| Some(serde_json::from_str::<Value>(line).ok()?.get("data")?.as_str()?.to_owned());
    let received: Option<Vec<String>> = text.lines().map(data).collect();
    let published: Vec<String> = (1..=2 * EVENTS).map(|number| number.to_string()).collect();
    ensure!(received.as_ref() == Some(&published), "received {received:?}");
    println!("subscriber: {} events over the upgrade, each once and in order", published.len());
    Ok(())
}

fn purge(debian: &Debian) -> Result<()> {
    debian.call(&["apt-get", "purge", "--yes", "sse-hub"])?;
    let left: Vec<_> = FILES.into_iter().filter(|file| debian.call(&["test", "-e", file]).is_ok()).collect();
    ensure!(left.is_empty(), "left: {left:?}");
    let units = debian.call(&["systemctl", "list-units", "--all", "--plain", "--no-legend", "sse-hub*"])?;
    ensure!(units.is_empty(), "left: {units}");
    println!("purged: nothing is left");
    Ok(())
}

fn curl(args: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new("curl").args(["--silent", "--show-error", "--fail"]).args(args).output()?;
    ensure!(output.status.success(), "curl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}
