//! The one signal that ends everything: who pulls it, and what the others wait on.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Ends the app when it is pulled or dropped.
#[derive(Debug)]
pub struct ShutdownSwitch(watch::Sender<bool>);

/// What a task waits on to know that it shall end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

impl ShutdownSwitch {
    /// A switch and the handle to give to tasks.
    pub fn new() -> (Self, Shutdown) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Shutdown(receiver))
    }

    /// Asks every task to end. Pulling twice is the same as once.
    pub fn pull(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Resolves when the switch has been pulled.
    pub async fn requested(&mut self) {
        // An error says that the switch is gone, which means the same.
        let _ = self.0.wait_for(|pulled| *pulled).await;
    }
}

/// What asks the app from outside to end: Ctrl-C or, on Unix, SIGTERM. On Unix heard from when this is made on, so
/// that none is missed that comes as soon as the app says where it listens.
#[derive(Debug)]
pub(crate) struct Interruption {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
}

#[cfg(unix)]
impl Interruption {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Resolves at the first.
    pub(crate) async fn came(mut self) -> io::Result<&'static str> {
        tokio::select! {
            _ = self.interrupt.recv() => Ok("SIGINT"),
            _ = self.terminate.recv() => Ok("SIGTERM"),
        }
    }
}

#[cfg(not(unix))]
impl Interruption {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Resolves at the first.
    pub(crate) async fn came(self) -> io::Result<&'static str> {
        tokio::signal::ctrl_c().await.map(|()| "Ctrl-C")
    }
}
