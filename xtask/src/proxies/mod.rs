//! Proxies of Debian in front of the release server, with exactly the settings of `docs/operations/proxies.md`: doctor finds
//! nothing, the hub sees the address of each client, and a reload cuts none of a thousand subscribers.
//!
//! Runs in a network of its own, so that the ports are those of the page.

mod guide;
mod proxy;
mod world;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::{namespace, shell, tools};
use guide::Guide;
use proxy::Kind;
use world::{CLIENTS, FORGED, STRANGE, World};

/// Flags of `cargo xtask proxies`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these; all by default.
    proxies: Vec<Kind>,
    /// Subscribers at the same time.
    #[arg(long, default_value_t = 1000)]
    subscribers: usize,
}

/// Requests of one client, more than the hub lets it make.
const REQUESTS: usize = 60;

pub(crate) fn run(args: &Args) -> Result<()> {
    if !namespace::is_inside() {
        tools::need(&[
            ("nginx", "nginx-light"),
            ("haproxy", "haproxy"),
            ("caddy", "caddy"),
            ("curl", "curl"),
            ("ip", "iproute2"),
        ])?;
        shell::build_server_and_cli()?;
    }
    for kind in Kind::ALL.into_iter().filter(|kind| args.proxies.is_empty() || args.proxies.contains(kind)) {
        let subscribers = args.subscribers.to_string();
        let again = ["proxies", kind.name(), "--subscribers", &subscribers];
        namespace::run(&["--net"], &again, || examine(kind, args.subscribers))?;
    }
    Ok(())
}

fn examine(kind: Kind, subscribers: usize) -> Result<()> {
    let guide = Guide::read()?;
    let world = World::start(kind, &guide)?;
    let version = world.proxy.version()?;
    doctor(&world).with_context(|| format!("{version}: doctor"))?;
    let report = world.subscribers_through_a_reload(subscribers)?;
    ensure!(report.cut == 0 && report.lost == 0, "{version}: {report:?}");
    addresses(&world).with_context(|| format!("{version}: addresses of clients"))?;
    println!(
        "{version}: doctor finds nothing; {subscribers} subscribers, {} deliveries, none lost, and none cut by a reload; the hub \
         sees the addresses of clients",
        report.delivered
    );
    Ok(())
}

/// The fields of `--json` that are compared.
#[derive(Deserialize)]
struct Findings {
    findings: Vec<serde_json::Value>,
}

fn doctor(world: &World) -> Result<()> {
    for flags in [&[][..], &["--http2"]] {
        let mut doctor = world.cli("doctor", "/dashboard-events");
        let output = doctor.args(["--json", "--quiet", "--watch", "20s"]).args(flags).output()?;
        let found: Findings = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        ensure!(found.findings.is_empty() && output.status.success(), "{flags:?}: {:?}", found.findings);
    }
    Ok(())
}

/// A client that asks too often is named in the log by its own address, whatever it wrote into the header.
fn addresses(world: &World) -> Result<()> {
    let mut curl = shell::program("curl");
    curl.args(["--silent", "--show-error", "--output", "/dev/null", "--write-out", "%{http_code}\n"]);
    curl.arg("--cacert").arg(world.certificate()).args(["--interface", STRANGE]);
    curl.args(["--header", &format!("X-Forwarded-For: {FORGED}")]);
    let output =
        curl.arg(format!("{}/hub#[1-{REQUESTS}]", world.base())).output().context("cannot run curl")?;
    let codes = String::from_utf8(output.stdout)?;
    ensure!(
        codes.contains("200") && codes.contains("429"),
        "{codes} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let log = world.log()?;
    for (address, is_named) in [(STRANGE, true), (FORGED, false), ("127.0.0.1", false), (CLIENTS[0], false)] {
        if log.contains(&format!("address={address}")) != is_named {
            bail!("the log {} {address}: {log}", if is_named { "does not name" } else { "names" });
        }
    }
    Ok(())
}
