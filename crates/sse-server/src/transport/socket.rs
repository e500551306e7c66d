//! The socket under a connection, TCP or Unix, so that nobody above has to ask which it is; and the options by which peers
//! are noticed who vanish without a word.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
// Never made where there are none.
#[cfg(not(unix))]
use tokio::net::TcpStream as UnixStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_util::either::Either;

/// How long written bytes may stay unacknowledged before the connection is given up. A heartbeat every 15 s
/// makes this the time after which a half-open peer is freed.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(60);
/// Silence on a connection before the system asks whether the peer is still there; for subscriptions without heartbeat.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// An accepted socket. One of Unix has no options of the kind: a peer on this machine vanishes only by closing, but one that
/// stops reading keeps its connection until the server stops.
pub(super) type Socket = Either<TcpStream, UnixStream>;

/// A connection over TCP; sets its options.
pub(super) fn tcp(socket: TcpStream) -> Socket {
    if let Err(error) = set_options(SockRef::from(&socket)) {
        tracing::debug!(%error, "socket options not set");
    }
    Either::Left(socket)
}

/// Writes what there is room for now.
pub(super) fn try_write(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    match socket {
        Either::Left(socket) => socket.try_write(bytes),
        Either::Right(socket) => socket.try_write(bytes),
    }
}

fn set_options(socket: SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE / 4))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(())
}
