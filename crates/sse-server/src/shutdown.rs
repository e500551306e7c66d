//! The one signal that ends everything: who pulls it, and what the others wait on.

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

/// Resolves at the first Ctrl-C or, on Unix, SIGTERM.
pub(crate) async fn interrupted() -> std::io::Result<&'static str> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result.map(|()| "SIGINT"),
            _ = terminate.recv() => Ok("SIGTERM"),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map(|()| "Ctrl-C")
}
