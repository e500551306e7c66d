//! Kills hub, network and CLI at random and restarts them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::proxy::Proxy;
use super::tail::Tail;
use crate::server::Server;

/// Shortest time between two kills, in seconds. Shorter than a restart, so some kills hit what is not up yet.
const MIN_LIFE: f64 = 0.05;
/// Longest time that something stays down, in seconds.
const MAX_DOWNTIME: f64 = 0.7;

/// Everything that can be killed, and what was.
pub(super) struct Kills {
    pub(super) server: Server,
    pub(super) data: PathBuf,
    pub(super) proxy: Proxy,
    pub(super) tail: Tail,
    /// In the order of the kills.
    pub(super) done: Vec<Victim>,
}

/// What a kill hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    /// `kill -9` of the server.
    Hub,
    /// All connections are cut; for a moment no new ones are accepted.
    Network,
    /// `kill -9` of the CLI.
    Cli,
}

const ALL: [Victim; 3] = [Victim::Hub, Victim::Network, Victim::Cli];

impl Kills {
    /// Kills `count` times, with random pauses of up to `life` seconds.
    ///
    /// # Errors
    /// When something does not restart, or the CLI has ended by itself.
    pub(super) async fn run(&mut self, count: usize, life: f64) -> Result<()> {
        let mut victims: Vec<Victim> = ALL.iter().copied().cycle().take(count).collect();
        fastrand::shuffle(&mut victims);
        for victim in victims {
            pause(MIN_LIFE, life).await;
            self.tail.expect_running()?;
            self.done.push(victim);
            let what = || format!("after kill {} ({victim:?})", self.done.len());
            let result = match victim {
                Victim::Hub => restart_hub(&mut self.server, &self.data).await,
                Victim::Network => cut_network(&self.proxy).await,
                Victim::Cli => restart_cli(&mut self.tail).await,
            };
            result.with_context(what)?;
        }
        pause(MIN_LIFE, life).await;
        self.tail.expect_running()
    }

    /// Counts by victim, for people.
    pub(super) fn summary(&self) -> String {
        let counts = ALL.map(|victim| {
            let count = self.done.iter().filter(|done| **done == victim).count();
            let name = match victim {
                Victim::Hub => "hub",
                Victim::Network => "network",
                Victim::Cli => "CLI",
            };
            format!("{name} {count}")
        });
        counts.join(", ")
    }
}

async fn restart_hub(server: &mut Server, data: &Path) -> Result<()> {
    server.kill()?;
    pause(0.0, MAX_DOWNTIME).await;
    server.restart(data).await
}

async fn cut_network(proxy: &Proxy) -> Result<()> {
    proxy.cut(true);
    pause(0.0, MAX_DOWNTIME).await;
    proxy.cut(false);
    Ok(())
}

async fn restart_cli(tail: &mut Tail) -> Result<()> {
    if fastrand::bool() {
        tail.until_past_cursor().await?;
    }
    tail.kill()?;
    pause(0.0, MAX_DOWNTIME).await;
    tail.restart()
}

async fn pause(least: f64, most: f64) {
    let seconds = least + (most - least).max(0.0) * fastrand::f64();
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}
