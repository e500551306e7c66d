//! SIGHUP, where there is such a signal: asks for settings to be read again.

/// Heard from when this is made on.
pub(crate) struct HangupSignal(#[cfg(unix)] Option<tokio::signal::unix::Signal>);

impl HangupSignal {
    #[cfg(unix)]
    pub(crate) fn listen() -> Self {
        let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
        Self(signal.inspect_err(|error| tracing::warn!(%error, "SIGHUP is not listened to")).ok())
    }

    #[cfg(unix)]
    pub(crate) async fn recv(&mut self) {
        match &mut self.0 {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> Self {
        Self()
    }

    #[cfg(not(unix))]
    pub(crate) async fn recv(&mut self) {
        std::future::pending().await
    }
}
