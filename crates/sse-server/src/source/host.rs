//! How sources read the figures of the host: on a thread for that, because a network disk that hangs must not hold up the
//! server.

/// Reads with `reader` and gives it back with what it read. `None` if that panicked, which ends the `source` and nothing
/// else.
pub(super) async fn read<R: Send + 'static, T: Send + 'static>(
    source: &str,
    mut reader: R,
    read: impl FnOnce(&mut R) -> T + Send + 'static,
) -> Option<(R, T)> {
    let reading = tokio::task::spawn_blocking(move || {
        let read = read(&mut reader);
        (reader, read)
    });
    reading.await.inspect_err(|error| tracing::error!(%error, source, "the source has stopped")).ok()
}
