//! What systemd is told of the server that it runs (`Type=notify`). Elsewhere, and on other systems, there is nobody to tell.

#[cfg(target_os = "linux")]
use sd_notify::NotifyState;
use sse_hub::Hub;
use tokio_util::task::AbortOnDropHandle;

/// Connections are accepted.
pub(crate) fn ready() {
    #[cfg(target_os = "linux")]
    tell(&[NotifyState::Ready]);
}

/// The end has begun; it may take as long as `TimeoutStopSec` allows.
pub(crate) fn stopping() {
    #[cfg(target_os = "linux")]
    tell(&[NotifyState::Stopping]);
}

/// Says at half of `WatchdogSec` that this thread runs and the log answers. A server of which neither is true is killed and
/// started again. `None` where nobody watches.
#[cfg(target_os = "linux")]
pub(crate) fn keep_alive(hub: Hub) -> Option<AbortOnDropHandle<()>> {
    let watched = sd_notify::watchdog_enabled()?;
    Some(AbortOnDropHandle::new(tokio::spawn(async move {
        let mut beats = tokio::time::interval(watched / 2);
        loop {
            beats.tick().await;
            // Whatever the answer: who answers is alive.
            let _ = hub.topic_count().await;
            tell(&[NotifyState::Watchdog]);
        }
    })))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_alive(_: Hub) -> Option<AbortOnDropHandle<()>> {
    None
}

#[cfg(target_os = "linux")]
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd was not told");
    }
}
