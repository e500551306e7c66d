//! The client test: the hub is killed when third-party clients have its greeting and no event yet. What is published
//! before they are back reaches each of them, once and in order.

mod client;
mod gate;
mod packages;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::http::Connection;
use crate::server::Server;
use crate::{shell, tools};
use client::Client;
use gate::Gate;
use packages::Packages;

/// Flags of `cargo xtask clients`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Chromium and Firefox only, which need no package registry.
    #[arg(long)]
    browsers: bool,
}

impl Args {
    /// The short form of the gate.
    pub(crate) fn short() -> Self {
        Self { browsers: true }
    }
}

const TOPIC: &str = "clients";
const PAGE: &str = include_str!("../../clients/page.html");
/// Published while no client is connected.
const EVENTS: [&str; 3] = ["event 1", "event 2", "event 3"];
/// Published until each client has received one: a client that lost its place receives these only.
const END: &str = "end";
/// Pause between two ends.
const END_INTERVAL: Duration = Duration::from_millis(300);
/// Longest wait for all clients.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn run(args: &Args) -> Result<()> {
    tools::need(&[("chromium", "chromium"), ("firefox-esr", "firefox-esr")])?;
    let packages = if args.browsers { None } else { Some(Packages::install()?) };
    shell::build_server()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = shell::scratch_folder("clients")?;
    runtime.block_on(test(packages.as_ref(), folder.path()))
}

async fn test(packages: Option<&Packages>, folder: &Path) -> Result<()> {
    let (data, pages) = (folder.join("hub"), folder.join("pages"));
    std::fs::create_dir_all(&pages)?;
    std::fs::write(pages.join("page.html"), PAGE)?;
    let mut server = Server::start(&data, &["--web-dir", &pages.to_string_lossy()])?;
    let gate = Gate::start(server.address.clone()).await?;
    let url = |path| format!("http://{}/{path}?topic={TOPIC}", gate.address);
    let mut clients = Client::browsers(&url("page.html"), folder)?;
    if let Some(packages) = packages {
        clients.extend(Client::packages(&url("events"), packages)?);
    }
    // The greeting is the only event yet.
    wait_for_all(&clients, |received| !received.is_empty(), async || Ok(())).await?;
    gate.set_open(false);
    server.kill()?;
    server.restart(&data).await?;
    let mut publisher = Connection::open(&server.address).await?;
    for data in EVENTS {
        publisher.publish(TOPIC, data.as_bytes()).await?;
    }
    gate.set_open(true);
    let publish_end = async || publisher.publish(TOPIC, END.as_bytes()).await.map(drop);
    wait_for_all(&clients, |received| received.contains(&END.to_owned()), publish_end).await?;
    report(&clients)
}

/// Waits until what each client has received is `enough`, and does something meanwhile.
async fn wait_for_all(
    clients: &[Client],
    enough: impl Fn(&[String]) -> bool,
    mut meanwhile: impl AsyncFnMut() -> Result<()>,
) -> Result<()> {
    let start = Instant::now();
    while let Some(late) = clients.iter().find(|client| !enough(&client.received())) {
        if start.elapsed() > DEADLINE {
            bail!("{} does not receive events; it printed:\n{}", late.name, late.output().join("\n"));
        }
        meanwhile().await?;
        tokio::time::sleep(END_INTERVAL).await;
    }
    Ok(())
}

fn report(clients: &[Client]) -> Result<()> {
    let mut failed = 0;
    for client in clients {
        let mut received = client.received();
        received.retain(|data| data.starts_with("event "));
        let is_exact = received == EVENTS;
        failed += usize::from(!is_exact);
        let verdict = if is_exact { "each event once".to_owned() } else { format!("received {received:?}") };
        println!("{:<34} {verdict}", client.name);
    }
    ensure!(failed == 0, "{failed} of {} clients did not receive each event once", clients.len());
    Ok(())
}
