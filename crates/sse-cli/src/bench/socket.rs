//! The socket of a stream, TCP or Unix, and the address it connects to. Knows nothing of HTTP.

use std::io;
use std::net::{IpAddr, SocketAddr};
#[cfg(unix)]
use std::path::PathBuf;
#[cfg(unix)]
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpSocket, TcpStream};

/// Pause before retrying a Unix socket whose backlog is full. Over TCP the system waits.
#[cfg(unix)]
const BACKLOG_PAUSE: Duration = Duration::from_millis(1);

pub(super) enum Address {
    Tcp(SocketAddr),
    #[cfg(unix)]
    Unix(PathBuf),
}

pub(super) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Evaluates the expression with the socket of either family.
macro_rules! either {
    ($socket:expr, $inner:ident => $do:expr) => {
        match $socket {
            Socket::Tcp($inner) => $do,
            #[cfg(unix)]
            Socket::Unix($inner) => $do,
        }
    };
}

impl Address {
    /// Connects, over TCP `from` this local address if given. Without a time limit.
    pub(super) async fn connect(&self, from: Option<IpAddr>) -> io::Result<Socket> {
        match self {
            Self::Tcp(to) => connect(*to, from).await.map(Socket::Tcp),
            #[cfg(unix)]
            Self::Unix(path) => loop {
                match UnixStream::connect(path).await {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        tokio::time::sleep(BACKLOG_PAUSE).await
                    }
                    connected => return connected.map(Socket::Unix),
                }
            },
        }
    }
}

async fn connect(to: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    socket.connect(to).await
}

impl Socket {
    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        either!(self, socket => socket.write_all(bytes).await)
    }

    /// Appends what arrives; 0 at the end.
    pub(super) async fn read_buf(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        either!(self, socket => socket.read_buf(buffer).await)
    }

    /// Waits until there is something to read.
    pub(super) async fn readable(&self) -> io::Result<()> {
        either!(self, socket => socket.readable().await)
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        either!(self, socket => socket.try_read(buffer))
    }
}
