//! Two network namespaces with a cable between them: limits by address do not hold for programs on the server's own machine, so
//! its clients have to be on another.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::tools;

/// Where the server is.
pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
/// The gateway to all clients.
const CLIENTS: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
/// Their addresses.
const CLIENTS_NETWORK: &str = "10.99.128.0/17";
/// Clients with an address of their own in each /24.
const IN_EACH: usize = 250;

/// Names of the namespaces; removed when dropped.
pub(super) struct Network {
    pub(super) server: String,
    pub(super) clients: String,
}

impl Network {
    pub(super) fn create() -> Result<Self> {
        if !tools::is_root() {
            bail!("network namespaces need root: sudo cargo xtask flood");
        }
        tools::need(&[("ip", "iproute2")])?;
        let [server, clients] =
            ["server", "clients"].map(|end| format!("sse-flood-{}-{end}", std::process::id()));
        let this = Self { server, clients };
        let (server, clients) = (&*this.server, &*this.clients);
        for end in [server, clients] {
            ip(&["netns", "add", end])?;
        }
        ip(&[
            "link", "add", "cable", "netns", server, "type", "veth", "peer", "name", "cable", "netns",
            clients,
        ])?;
        for (end, address) in [(server, SERVER), (clients, CLIENTS)] {
            ip(&["-n", end, "address", "add", &format!("{address}/24"), "dev", "cable"])?;
            ip(&["-n", end, "link", "set", "lo", "up"])?;
            ip(&["-n", end, "link", "set", "cable", "up"])?;
        }
        ip(&["-n", server, "route", "add", CLIENTS_NETWORK, "via", &CLIENTS.to_string()])?;
        ip(&["-n", clients, "route", "add", "local", CLIENTS_NETWORK, "dev", "lo"])?;
        Ok(this)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for end in [&self.server, &self.clients] {
            // Whoever still runs there keeps it until it ends.
            let _ = ip(&["netns", "delete", end]);
        }
    }
}

/// Words that run a program in a namespace, as the same process.
pub(super) fn inside(namespace: &str) -> [&str; 4] {
    ["ip", "netns", "exec", namespace]
}

/// The address of a client.
pub(super) fn client(nth: usize) -> IpAddr {
    let [network, host] =
        [128 + nth / IN_EACH, 1 + nth % IN_EACH].map(|byte| u8::try_from(byte).unwrap_or(u8::MAX));
    Ipv4Addr::new(10, 99, network, host).into()
}

fn ip(args: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(args).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {}: {}", args.join(" "), said.trim());
    Ok(())
}
