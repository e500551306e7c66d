//! The socket under a connection, TCP, TLS or Unix, so that nobody above has to ask which it is; and the options by which peers
//! are noticed who vanish without a word.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::tls_socket::{TlsSocket, is_blocked};

/// Silence on a connection before the system asks whether the peer is still there; for subscriptions without heartbeat.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// An accepted socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    /// Boxed: a session is large.
    Tls(Box<TlsSocket>),
    /// Has no options of the kind: a peer on this machine vanishes only by closing.
    #[cfg(unix)]
    Unix(UnixStream),
}

macro_rules! with {
    ($of:expr, $socket:ident => $act:expr) => {
        match $of {
            Socket::Tcp($socket) => $act,
            Socket::Tls($socket) => $act,
            #[cfg(unix)]
            Socket::Unix($socket) => $act,
        }
    };
}

impl Socket {
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        with!(self, socket => Pin::new(socket).poll_read(context, buffer))
    }

    pub(super) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        with!(self, socket => Pin::new(socket).poll_write(context, bytes))
    }

    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(self, socket => Pin::new(socket).poll_flush(context))
    }

    pub(super) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(self, socket => Pin::new(socket).poll_shutdown(context))
    }

    /// Unlike an awaited `readable`, it leaves no other task's waker behind, which would keep that task's memory.
    pub(super) fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(self, socket => socket.poll_read_ready(context))
    }

    pub(super) fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(self, socket => socket.poll_write_ready(context))
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        with!(self, socket => socket.try_read(buffer))
    }

    /// Writes what there is room for now.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        with!(self, socket => socket.try_write(bytes))
    }

    /// As [`Self::try_write`], several parts at once.
    pub(super) fn try_write_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        with!(self, socket => socket.try_write_vectored(parts))
    }

    /// Sends what was taken and is held, as far as there is room. Only TLS holds anything.
    pub(super) fn try_flush(&self) -> io::Result<()> {
        if let Self::Tls(socket) = self { socket.try_flush() } else { Ok(()) }
    }

    pub(super) fn is_flushed(&self) -> bool {
        if let Self::Tls(socket) = self { socket.is_flushed() } else { true }
    }

    /// The peer has not ended, and has sent nothing that was not read.
    pub(super) fn is_silent(&self) -> bool {
        if let Self::Tls(socket) = self { socket.is_silent() } else { is_blocked(&self.try_read(&mut [0])) }
    }

    /// Says to a peer over TLS that nothing more comes.
    pub(super) fn end(&self) {
        if let Self::Tls(socket) = self {
            socket.end();
        }
    }
}

/// The system gives the connection up when bytes stay unacknowledged for as long as `write_timeout`, so a heartbeat finds
/// half-open peers.
pub(super) fn notice_lost_peer(socket: &TcpStream, write_timeout: Duration) {
    if let Err(error) = set_options(SockRef::from(socket), write_timeout) {
        tracing::debug!(%error, "socket options not set");
    }
}

fn set_options(socket: SockRef<'_>, write_timeout: Duration) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE / 4))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(write_timeout))?;
    #[cfg(not(target_os = "linux"))]
    let _ = write_timeout;
    Ok(())
}
