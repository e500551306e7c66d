//! Ctrl-C and SIGTERM: a command that keeps a `Stop` gets a moment to put its things in order, any other ends at
//! once.

use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::exit::Exit;

/// How long a command may take to end by itself: enough for a few writes to a busy disk.
const GRACE: Duration = Duration::from_secs(2);

/// Tells a command to stop.
pub(crate) struct Stopper(watch::Sender<bool>);

/// A command's ear for it.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

pub(crate) fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Tells the command, and waits until it has ended or the grace is over.
    ///
    /// # Errors
    /// The command's own.
    pub(crate) async fn stop(self, command: JoinHandle<anyhow::Result<Exit>>) -> anyhow::Result<()> {
        // Refused when nobody listens.
        if self.0.send(true).is_err() {
            return Ok(());
        }
        match tokio::time::timeout(GRACE, command).await {
            Ok(done) => done.context("the command broke off")?.map(|_| ()),
            Err(_) => Ok(()),
        }
    }
}

impl Stop {
    /// Has the command been told to stop?
    pub(crate) fn is_told(&self) -> bool {
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
