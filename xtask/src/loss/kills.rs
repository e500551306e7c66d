//! What is killed, when, and how it comes back.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::proxy::Proxy;
use super::tail::Tail;
use crate::server::Server;

/// Least time between two kills, in seconds. Shorter than it takes to come back, so some kills hit what is not yet
/// up again.
const LEAST_LIFE: f64 = 0.05;
/// Longest time that something stays dead, in seconds.
const LONGEST_DEATH: f64 = 0.7;

/// Everything that can be killed.
pub(super) struct Kills {
    pub(super) server: Server,
    pub(super) data: PathBuf,
    pub(super) proxy: Proxy,
    pub(super) tail: Tail,
    /// What was killed so far.
    pub(super) done: Vec<Victim>,
}

/// What a kill hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    /// `kill -9` of the server.
    Hub,
    /// All connections are cut, and for a moment no new ones are made.
    Network,
    /// `kill -9` of the CLI.
    Cli,
}

const ALL: [Victim; 3] = [Victim::Hub, Victim::Network, Victim::Cli];

impl Kills {
    /// Kills so many times, with random pauses of up to `life` seconds.
    ///
    /// # Errors
    /// When something does not come back, or the CLI has ended by itself.
    pub(super) async fn run(&mut self, count: usize, life: f64) -> Result<()> {
        let mut victims: Vec<Victim> = ALL.iter().copied().cycle().take(count).collect();
        fastrand::shuffle(&mut victims);
        for victim in victims {
            pause(LEAST_LIFE, life).await;
            self.tail.expect_running()?;
            self.done.push(victim);
            let what = || format!("after kill {} ({victim:?})", self.done.len());
            let result = match victim {
                Victim::Hub => restart_hub(&mut self.server, self.data.clone()).await,
                Victim::Network => cut_network(&self.proxy).await,
                Victim::Cli => restart_cli(&mut self.tail).await,
            };
            result.with_context(what)?;
        }
        pause(LEAST_LIFE, life).await;
        self.tail.expect_running()
    }

    /// How often each was hit.
    pub(super) fn in_words(&self) -> String {
        ALL.iter().fold(String::new(), |mut words, victim| {
            let count = self.done.iter().filter(|done| *done == victim).count();
            let comma = if words.is_empty() { "" } else { ", " };
            let name = match victim {
                Victim::Hub => "hub",
                Victim::Network => "network",
                Victim::Cli => "CLI",
            };
            let _ = write!(words, "{comma}{name} {count}");
            words
        })
    }
}

async fn restart_hub(server: &mut Server, data: PathBuf) -> Result<()> {
    server.kill()?;
    pause(0.0, LONGEST_DEATH).await;
    let address = server.address.clone();
    // Beside the others, which find nobody at the port meanwhile.
    *server = tokio::task::spawn_blocking(move || Server::start_at(&address, &data, &[])).await??;
    Ok(())
}

async fn cut_network(proxy: &Proxy) -> Result<()> {
    proxy.cut(true);
    pause(0.0, LONGEST_DEATH).await;
    proxy.cut(false);
    Ok(())
}

async fn restart_cli(tail: &mut Tail) -> Result<()> {
    if fastrand::bool() {
        tail.until_unsettled().await?;
    }
    tail.kill()?;
    pause(0.0, LONGEST_DEATH).await;
    tail.restart()
}

async fn pause(least: f64, most: f64) {
    let seconds = least + (most - least).max(0.0) * fastrand::f64();
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}
