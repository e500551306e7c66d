//! What the server listens on: addresses and, where there are such, a path.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use socket2::{Domain, Socket, Type};

#[cfg(unix)]
use super::socket_file::SocketFile;
use super::tls::Tls;

/// Connections that may wait to be accepted; after a restart all subscribers come back at once.
const BACKLOG: i32 = 1024;

/// Sockets that are bound and listen; nothing is accepted yet.
pub(crate) struct Listeners {
    /// At least one.
    pub(crate) tcp: Vec<TcpListener>,
    /// What is spoken there, if it is not plain.
    pub(crate) tls: Option<Arc<Tls>>,
    /// Plain ones, where every request is sent on to `tcp`.
    pub(crate) redirect: Vec<TcpListener>,
    #[cfg(unix)]
    pub(super) unix: Option<UnixListener>,
}

impl Listeners {
    /// A socket for each address that `listen` stands for and that can be used.
    ///
    /// # Errors
    /// When that is none.
    pub(crate) fn tcp(listen: &str) -> io::Result<Self> {
        Ok(Self {
            tcp: bind(listen)?,
            tls: None,
            redirect: Vec::new(),
            #[cfg(unix)]
            unix: None,
        })
    }

    /// Listens at these addresses too, and gives the first, to send who comes there on.
    ///
    /// # Errors
    /// When none of them can be used.
    pub(crate) fn and_redirect(&mut self, listen: &str) -> io::Result<SocketAddr> {
        self.redirect = bind(listen)?;
        first_addr(&self.redirect)
    }

    /// Only this machine reaches them.
    pub(crate) fn are_loopback(&self) -> bool {
        let is_loopback = |addr: SocketAddr| addr.ip().to_canonical().is_loopback();
        self.tcp.iter().all(|listener| listener.local_addr().is_ok_and(is_loopback))
    }

    /// The first address.
    pub(crate) fn addr(&self) -> io::Result<SocketAddr> {
        first_addr(&self.tcp)
    }
}

fn first_addr(listeners: &[TcpListener]) -> io::Result<SocketAddr> {
    listeners.first().ok_or(io::ErrorKind::AddrNotAvailable)?.local_addr()
}

fn bind(listen: &str) -> io::Result<Vec<TcpListener>> {
    let mut bound: Vec<_> = listen.to_socket_addrs()?.map(bind_to).collect();
    if bound.iter().any(Result::is_ok) {
        bound.retain(Result::is_ok);
    }
    let bound: Vec<_> = bound.into_iter().collect::<Result<_, _>>()?;
    if bound.is_empty() { Err(io::ErrorKind::AddrNotAvailable.into()) } else { Ok(bound) }
}

fn bind_to(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    // On Windows it would let two servers have the same port.
    socket.set_reuse_address(cfg!(unix))?;
    if cfg!(windows) && addr.is_ipv6() {
        // As elsewhere, [::] stands for IPv4 too.
        socket.set_only_v6(false)?;
    }
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(unix)]
impl Listeners {
    /// Listens at this path too.
    ///
    /// # Errors
    /// When something is there already, unless it is a socket on which nobody listens any more.
    pub(crate) fn and_unix(&mut self, path: &std::path::Path) -> io::Result<SocketFile> {
        let (file, listener) = SocketFile::listen(path)?;
        self.unix = Some(listener);
        Ok(file)
    }
}
