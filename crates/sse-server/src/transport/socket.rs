//! The socket under a connection, TCP or Unix, so that nobody above has to ask which it is; and the options by which peers
//! are noticed who vanish without a word.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// How long written bytes may stay unacknowledged before the connection is given up. A heartbeat every 15 s
/// makes this the time after which a half-open peer is freed.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(60);
/// Silence on a connection before the system asks whether the peer is still there; for subscriptions without heartbeat.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// An accepted socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    /// Has no options of the kind: a peer on this machine vanishes only by closing, but one that stops reading keeps its
    /// connection until the server stops.
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Does the same with the socket of whichever family.
macro_rules! either {
    ($socket:expr, $inner:ident => $do:expr) => {
        match $socket {
            Socket::Tcp($inner) => $do,
            #[cfg(unix)]
            Socket::Unix($inner) => $do,
        }
    };
}

impl Socket {
    /// A connection over TCP; sets its options.
    pub(crate) fn tcp(socket: TcpStream) -> Self {
        if let Err(error) = set_options(SockRef::from(&socket)) {
            tracing::debug!(%error, "socket options not set");
        }
        Self::Tcp(socket)
    }

    /// Writes what there is room for now.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, socket => socket.try_write(bytes))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self.get_mut(), socket => pin!(socket).poll_read(context, buffer))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), socket => pin!(socket).poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), socket => pin!(socket).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), socket => pin!(socket).poll_shutdown(context))
    }
}

fn set_options(socket: SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE / 4))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(())
}
