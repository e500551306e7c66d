//! The network of the test: a hub on 127.0.0.1:3000 with the settings of the page, a proxy on hub.example.com:443, and clients at
//! addresses of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use tempfile::TempDir;

use super::guide::Guide;
use super::proxy::{Kind, Proxy};
use crate::server::{Server, Setup};
use crate::{http, namespace, shell};

const HOST: &str = "hub.example.com";
const ADDRESS: &str = "198.51.100.1";
/// Of subscribers. The hub lets each open 200 event streams at once.
pub(super) const CLIENTS: [&str; 10] = [
    "198.51.100.11",
    "198.51.100.12",
    "198.51.100.13",
    "198.51.100.14",
    "198.51.100.15",
    "198.51.100.16",
    "198.51.100.17",
    "198.51.100.18",
    "198.51.100.19",
    "198.51.100.20",
];
/// Of the client that asks too often, and what it claims to be.
pub(super) const STRANGE: &str = "198.51.100.99";
pub(super) const FORGED: &str = "203.0.113.7";

/// Of each client, so that a few requests go over the limit.
const SETTINGS: &str = "[limits]\nrequests_per_second = 5\n";
const HUB: &str = "127.0.0.1:3000";
/// How long events are published once everybody subscribes, and how long the reload may wait for that.
const DURATION: &str = "20s";
const DEADLINE: Duration = Duration::from_secs(60);

pub(super) struct World {
    pub(super) proxy: Proxy,
    _hub: Server,
    folder: TempDir,
}

/// What became of the subscribers.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) cut: u64,
    pub(super) lost: u64,
    pub(super) delivered: u64,
}

/// The fields of `bench --json` that count.
#[derive(Deserialize)]
struct Bench {
    streams: Streams,
    deliveries: Deliveries,
}

#[derive(Deserialize)]
struct Streams {
    opened: usize,
    cut: u64,
}

#[derive(Deserialize)]
struct Deliveries {
    checked: Checked,
}

#[derive(Deserialize)]
struct Checked {
    delivered: u64,
    lost: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HubFigures {
    connections_open: usize,
}

impl World {
    pub(super) fn start(kind: Kind, guide: &Guide) -> Result<Self> {
        let folder = shell::scratch_folder("proxies")?;
        network(folder.path())?;
        certificates(folder.path())?;
        let settings = folder.path().join("hub.toml");
        fs::write(&settings, SETTINGS)?;
        let wrapper = ["env", "SSE_LOG=warn"].into_iter().chain(guide.block("environment")?.lines());
        let wrapper = wrapper.map(str::to_owned).collect();
        let args = vec!["--config".to_owned(), settings.to_string_lossy().into_owned()];
        let log = Some(fs::File::create(folder.path().join("hub.log"))?);
        let setup = Setup { args, wrapper, log, ..Setup::default() };
        let hub = Server::start_at(HUB, &folder.path().join("data"), setup)?;
        let mut proxy = Proxy::start(kind, guide, folder.path())?;
        let listening = proxy.wait_until_listening(&format!("{ADDRESS}:443"));
        listening.with_context(|| fs::read_to_string(folder.path().join("proxy.log")).unwrap_or_default())?;
        Ok(Self { proxy, _hub: hub, folder })
    }

    pub(super) fn base(&self) -> String {
        format!("https://{HOST}")
    }

    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.path().join("fullchain.pem")
    }

    /// What the hub has logged.
    pub(super) fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.path().join("hub.log"))?)
    }

    /// `sse-cli` for this path through the proxy.
    pub(super) fn cli(&self, command: &str, path: &str) -> Command {
        let mut cli = shell::program(shell::cli_binary());
        cli.arg(command).arg(self.base() + path).arg("--cacert").arg(self.certificate());
        cli
    }

    /// Reloads the proxy once all subscribe, while events are published at the hub.
    pub(super) fn subscribers_through_a_reload(&self, count: usize) -> Result<Report> {
        let mut bench = self.cli("bench", "/events");
        let publish = format!("http://{HUB}/topics/load");
        bench.args(["--topic", "load", "--publish", &publish, "--rate", "5", "--duration", DURATION]);
        bench.args(["--streams", &count.to_string(), "--json", "--quiet"]);
        for client in CLIENTS {
            bench.args(["--source", client]);
        }
        let child = bench.stdout(Stdio::piped()).spawn().context("cannot run sse-cli")?;
        self.wait_for_connections(count)?;
        self.proxy.reload()?;
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "sse-cli bench: {}", output.status);
        let Bench { streams, deliveries } = serde_json::from_slice(&output.stdout)?;
        ensure!(streams.opened == count, "{} of {count} subscribers came", streams.opened);
        let Checked { delivered, lost } = deliveries.checked;
        Ok(Report { cut: streams.cut, lost, delivered })
    }

    fn wait_for_connections(&self, count: usize) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let start = Instant::now();
        runtime.block_on(async {
            let mut connection = http::Connection::open(HUB).await?;
            loop {
                let figures: HubFigures = connection.get("/hub").await?.expect_ok()?.json()?;
                if figures.connections_open >= count {
                    return Ok(());
                }
                if start.elapsed() > DEADLINE {
                    bail!("{} of {count} subscribers came", figures.connections_open);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
    }
}

/// Addresses of a network that is there for documentation, on the loopback device of this network alone.
fn network(folder: &Path) -> Result<()> {
    namespace::call("ip", &["link", "set", "lo", "up"])?;
    for address in CLIENTS.iter().chain(&[ADDRESS, STRANGE]) {
        namespace::call("ip", &["address", "add", &format!("{address}/32"), "dev", "lo"])?;
    }
    let hosts = folder.join("hosts");
    fs::write(&hosts, format!("127.0.0.1 localhost\n{ADDRESS} {HOST}\n"))?;
    namespace::call("mount", &["--bind", &hosts.to_string_lossy(), "/etc/hosts"])
}

fn certificates(folder: &Path) -> Result<()> {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()])?;
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    fs::write(folder.join("fullchain.pem"), &certificate)?;
    fs::write(folder.join("privkey.pem"), &key)?;
    fs::write(folder.join("hub.pem"), certificate + &key)?;
    Ok(())
}
