//! The order in which a running server ends. What is under way is finished in it; what is not by its end is cut.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix_server::{Server, ServerHandle};
use sse_hub::{Counters, Hub};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::listening::Listening;
use crate::transport::Drain;

/// From the last connection that is accepted until connections end, so that each has sent its request.
const SETTLE: Duration = Duration::from_millis(200);
/// How long event streams may take to send what they have begun, and their end.
const WRITE_OUT: Duration = Duration::from_secs(1);

/// How long the server may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DrainTimes {
    /// Everything goes on as before, but the server is not ready, so that balancers send nothing more.
    pub(crate) delay: Duration,
    /// Until the last connection is cut.
    pub(crate) timeout: Duration,
    settle: Duration,
}

impl DrainTimes {
    /// For who waits at a terminal.
    pub(crate) const QUICK: Self =
        Self { delay: Duration::ZERO, timeout: WRITE_OUT, settle: Duration::from_millis(10) };

    pub(crate) fn new(delay: Duration, timeout: Duration) -> Self {
        Self { delay, timeout, settle: SETTLE }
    }
}

/// What ends.
pub(crate) struct Shutdown {
    pub(crate) drain: Arc<Drain>,
    pub(crate) listening: Listening,
    pub(crate) tasks: JoinSet<()>,
    pub(crate) hub: Hub,
}

impl Shutdown {
    /// Ends the server, which is polled here until it has.
    ///
    /// # Errors
    /// When it had failed.
    pub(crate) async fn run(self, mut server: Server, times: DrainTimes) -> io::Result<()> {
        let Self { drain, listening, mut tasks, hub } = self;
        let handle = server.handle();
        let steps = async {
            drain.begin();
            sleep(times.delay).await;
            handle.pause().await;
            sleep(times.settle).await;
            #[cfg(unix)]
            drop(listening.unix_socket);
            listening.closer.close();
            let deadline = Instant::now() + times.timeout;
            drain.close(Counters::get(&hub.counters().connections_open), times.timeout);
            end_streams(&drain, deadline).await;
            stop(&handle, deadline).await;
        };
        let ended = tokio::select! {
            ended = &mut server => ended,
            () = steps => Ok(()),
        };
        // Cuts what is left.
        drop(server);
        while tasks.join_next().await.is_some() {}
        hub.close().await;
        ended
    }
}

async fn end_streams(drain: &Drain, deadline: Instant) {
    let streams = drain.streams();
    streams.close();
    let written = drain.ends_at().map_or(deadline, |ends| deadline.min(ends + WRITE_OUT));
    if timeout_at(written, streams.wait()).await.is_err() {
        tracing::debug!(streams = streams.len(), "cut, because their peers do not read");
    }
}

async fn stop(handle: &ServerHandle, deadline: Instant) {
    if timeout_at(deadline, handle.stop(true)).await.is_err() {
        tracing::warn!("connections are cut: the time to stop is over (--drain-timeout)");
    }
}
