//! Options of accepted sockets, so that peers who vanish without a word are noticed.

use std::time::Duration;

use actix_web::rt::net::TcpStream;
use socket2::{SockRef, TcpKeepalive};

/// How long written bytes may stay unacknowledged before the connection is given up. A heartbeat every 15 s
/// makes this the time after which a half-open peer is freed.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(60);
/// Silence on a connection before the system asks whether the peer is still there; for streams without heartbeat.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Sets the options on a connection that was just accepted.
pub(super) fn prepare(stream: &TcpStream) {
    if let Err(error) = set_options(SockRef::from(stream)) {
        tracing::debug!(%error, "socket options not set");
    }
}

fn set_options(socket: SockRef<'_>) -> std::io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE / 4))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(())
}
