//! A Unix socket's name in the file system: how it is taken, when it is taken over, how it is given back.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// As many connections as the system lets wait to be accepted. It turns further ones away at once, where over TCP it has
/// them try again.
const BACKLOG: i32 = i32::MAX;

/// The name is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// As long as somebody listens, the name cannot be mistaken for one that a killed server left behind.
    _listener: UnixListener,
}

impl SocketFile {
    /// Listens at this path.
    ///
    /// # Errors
    /// When something is there already, unless it is a socket on which nobody listens any more.
    pub(super) fn listen(path: &Path) -> io::Result<(Self, UnixListener)> {
        let address = SockAddr::unix(path)?;
        // Or else two servers that start at once could each find the name free, or not listened to yet.
        let _alone = folder_lock(path)?;
        if is_left_behind(path, &address)? {
            fs::remove_file(path)?;
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&address)?;
        socket.listen(BACKLOG)?;
        let listener = UnixListener::from(socket);
        let file = Self { path: path.to_owned(), _listener: listener.try_clone()? };
        Ok((file, listener))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "the Unix socket was not removed");
        }
    }
}

/// Held while a name in this folder is taken.
fn folder_lock(path: &Path) -> io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new(".")))?;
    folder.lock()?;
    Ok(folder)
}

/// Is there a socket on which nobody listens? A connection to what is no socket is refused too.
fn is_left_behind(path: &Path, address: &SockAddr) -> io::Result<bool> {
    if !fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        return Ok(false);
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // With so many waiting already that this one would wait too, somebody listens.
    probe.set_nonblocking(true)?;
    Ok(probe.connect(address).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_be_taken_until_it_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sock");
        let (file, listener) = SocketFile::listen(&path).unwrap();
        let error = |path| SocketFile::listen(path).unwrap_err().kind();
        assert_eq!(error(&path), io::ErrorKind::AddrInUse);
        // The server is stopping.
        drop(listener);
        assert_eq!(error(&path), io::ErrorKind::AddrInUse);
        drop(file);
        assert!(!path.exists());
        SocketFile::listen(&path).unwrap();
    }

    #[test]
    fn one_of_many_that_start_at_once_has_the_name() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..400 {
            let path = folder.path().join(round.to_string());
            // As a killed server leaves it.
            drop(UnixListener::bind(&path).unwrap());
            let start = || SocketFile::listen(&path).ok();
            let started: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
                threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(started.len(), 1);
        }
    }
}
