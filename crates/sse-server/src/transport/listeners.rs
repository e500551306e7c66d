//! What the server listens on: addresses and, where there are such, a path.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::sync::Arc;

#[cfg(unix)]
use listenfd::ListenFd;
use socket2::{Domain, SockRef, Socket, Type};

#[cfg(unix)]
use super::socket_file::SocketFile;
use super::tls::Tls;

/// Connections that may wait to be accepted; after a restart all subscribers come back at once.
const BACKLOG: i32 = 4096;

/// Sockets that are bound and listen; nothing is accepted yet.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    /// At least one.
    pub(crate) tcp: Vec<TcpListener>,
    /// For operators alone, and plain.
    pub(crate) admin: Vec<TcpListener>,
    /// Those of TCP belong to systemd, which keeps them for the next server.
    are_inherited: bool,
    /// What is spoken there, if it is not plain.
    pub(crate) tls: Option<Arc<Tls>>,
    /// Plain ones, where every request is sent on to `tcp`.
    pub(crate) redirect: Vec<TcpListener>,
    #[cfg(unix)]
    pub(super) unix: Option<UnixListener>,
}

impl Listeners {
    /// The sockets that systemd has handed over, or else one for each address that `listen` stands for and that can be used.
    ///
    /// # Errors
    /// When that is none, or one that is handed over is of another kind.
    pub(crate) fn open(listen: &str) -> io::Result<Self> {
        let mut all = Self::inherited()?;
        all.are_inherited = !all.tcp.is_empty();
        if !all.are_inherited {
            all.tcp = bind(listen)?;
        }
        Ok(all)
    }

    /// Listens at these addresses too, and gives the first, for operators.
    ///
    /// # Errors
    /// When none of them can be used.
    pub(crate) fn and_admin(&mut self, listen: &str) -> io::Result<SocketAddr> {
        self.admin = bind(listen)?;
        first_addr(&self.admin)
    }

    /// What stops new connections while the sockets are the server's. Nothing does with those of systemd, where they wait for the next
    /// server.
    ///
    /// # Errors
    /// When there are no more files.
    pub(crate) fn closer(&self) -> io::Result<ListenerCloser> {
        if self.are_inherited {
            return Ok(ListenerCloser(Vec::new()));
        }
        let all = self.tcp.iter().chain(&self.admin).chain(&self.redirect);
        Ok(ListenerCloser(all.map(TcpListener::try_clone).collect::<io::Result<_>>()?))
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

/// See [`Listeners::closer`].
pub(crate) struct ListenerCloser(Vec<TcpListener>);

impl ListenerCloser {
    /// Where a system cannot do that, connections wait until the server has ended.
    pub(crate) fn close(self) {
        for listener in self.0 {
            if let Err(error) = SockRef::from(&listener).shutdown(Shutdown::Both) {
                tracing::debug!(%error, "a listener stays open until the end");
            }
        }
    }
}

#[cfg(not(unix))]
impl Listeners {
    fn inherited() -> io::Result<Self> {
        Ok(Self::default())
    }
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
    /// Those of `LISTEN_FDS`, if that is meant for this process.
    fn inherited() -> io::Result<Self> {
        let mut given = ListenFd::from_env();
        let mut all = Self::default();
        for nth in 0..given.len() {
            match given.take_tcp_listener(nth) {
                Ok(tcp) => all.tcp.extend(tcp),
                Err(_) => all.unix = given.take_unix_listener(nth)?,
            }
        }
        Ok(all)
    }

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
