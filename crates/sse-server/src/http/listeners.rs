//! What the server listens on: addresses and, where there are such, a path.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::fs::FileTypeExt as _;
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
#[cfg(unix)]
use std::path::{Path, PathBuf};

use socket2::{Domain, Socket, Type};

/// Connections that may wait to be accepted; after a restart all readers come back at once.
const BACKLOG: i32 = 1024;

/// Sockets that are bound and listen; nothing is accepted yet.
pub(crate) struct Listeners {
    /// At least one.
    pub(super) tcp: Vec<TcpListener>,
    #[cfg(unix)]
    pub(super) unix: Option<UnixListener>,
}

impl Listeners {
    /// A socket for each address that `listen` stands for and that can be used.
    ///
    /// # Errors
    /// When that is none.
    pub(crate) fn tcp(listen: &str) -> io::Result<Self> {
        let mut bound: Vec<_> = listen.to_socket_addrs()?.map(bind_to).collect();
        if bound.iter().any(Result::is_ok) {
            bound.retain(Result::is_ok);
        }
        let tcp: Vec<_> = bound.into_iter().collect::<Result<_, _>>()?;
        if tcp.is_empty() {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        Ok(Self {
            tcp,
            #[cfg(unix)]
            unix: None,
        })
    }

    /// The first address.
    pub(crate) fn addr(&self) -> io::Result<SocketAddr> {
        self.tcp.first().ok_or(io::ErrorKind::AddrNotAvailable)?.local_addr()
    }
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

/// The name of a Unix socket in the file system. Removed when this is dropped; a killed server leaves it behind, and the
/// next one takes its place.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

#[cfg(unix)]
impl Listeners {
    /// Listens at this path too.
    ///
    /// # Errors
    /// When something is there already, unless it is a socket on which nobody listens any more.
    pub(crate) fn and_unix(&mut self, path: &Path) -> io::Result<SocketFile> {
        if is_left_behind(path) {
            std::fs::remove_file(path)?;
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&socket2::SockAddr::unix(path)?)?;
        let file = SocketFile(path.to_owned());
        socket.listen(BACKLOG)?;
        self.unix = Some(socket.into());
        Ok(file)
    }
}

#[cfg(unix)]
impl SocketFile {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, "the Unix socket was not removed");
        }
    }
}

/// Is it a socket on which nobody listens? A connection to what is no socket is refused too.
#[cfg(unix)]
fn is_left_behind(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    let refuses =
        || UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    is_socket && refuses()
}
