//! Ctrl-C and SIGTERM. A command that holds a `Stop` gets a grace period to clean up; any other ends at once.

use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::exit::Exit;

/// Grace period: enough for a few writes to a busy disk.
const GRACE: Duration = Duration::from_secs(2);

/// The sending half: stops a command.
pub(crate) struct Stopper(watch::Sender<bool>);

/// The receiving half, held by the command.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

pub(crate) fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Stops the command, and waits until it has ended or the grace period is over.
    pub(crate) async fn stop(self, command: JoinHandle<anyhow::Result<Exit>>) -> anyhow::Result<()> {
        // Fails when the command holds no `Stop`.
        if self.0.send(true).is_err() {
            return Ok(());
        }
        match tokio::time::timeout(GRACE, command).await {
            Ok(done) => done.context("the command panicked")?.map(|_| ()),
            Err(_) => Ok(()),
        }
    }
}

impl Stop {
    pub(crate) fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the command is to stop.
    pub(crate) async fn wait(&mut self) {
        if self.0.wait_for(|stop| *stop).await.is_err() {
            std::future::pending().await
        }
    }
}

/// Waits for a signal to end, and gives what it ends with.
pub(crate) async fn signal() -> Exit {
    tokio::select! {
        Ok(()) = tokio::signal::ctrl_c() => Exit::Interrupted,
        () = terminate() => Exit::Terminated,
        else => std::future::pending().await,
    }
}

#[cfg(unix)]
async fn terminate() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminate() {
    std::future::pending().await
}
