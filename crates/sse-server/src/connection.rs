//! An accepted connection with two writers: actix-http, which owns it, and the fan-out, which sends frames past it
//! while it has nothing to write. A delivery is then one `write` and wakes no task. Knows HTTP/1.1 chunks, not actix-web.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::socket::Socket;

/// The side of actix-http. What the fan-out has begun to send goes out before anything else.
#[derive(Debug)]
pub(crate) struct Connection(Rc<Shared>);

/// The side of the fan-out. Does not keep the connection open.
#[derive(Debug, Clone)]
pub(crate) struct Outlet(Weak<Shared>);

/// Frames as one chunk of an HTTP/1.1 body, so that every stream of a feed is sent the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parcel(Bytes);

/// What became of a parcel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is with the system.
    Whole,
    /// It will go out, but only once the connection's task has been woken.
    Begun,
    /// Nothing of it: actix-http is writing, or there is no room, or the connection is broken. Its task knows
    /// how to go on.
    Nothing,
}

#[derive(Debug)]
struct Shared {
    socket: RefCell<Socket>,
    /// What the socket had no room for when a parcel was begun.
    rest: RefCell<Bytes>,
    /// All that actix-http was given is with the system. It flushes after each write, and lets nobody else run
    /// between taking bytes of a body and trying to write them.
    flushed: Cell<bool>,
}

impl Connection {
    pub(crate) fn new(socket: Socket) -> Self {
        Self(Rc::new(Shared {
            socket: RefCell::new(socket),
            rest: RefCell::default(),
            flushed: Cell::new(true),
        }))
    }

    pub(crate) fn outlet(&self) -> Outlet {
        Outlet(Rc::downgrade(&self.0))
    }

    /// Sends what is left of a parcel.
    fn poll_rest(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut rest = self.0.rest.borrow_mut();
        while !rest.is_empty() {
            let written = ready!(pin!(&mut *self.0.socket.borrow_mut()).poll_write(context, &rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            rest.advance(written);
        }
        // An empty slice would keep the whole parcel alive.
        *rest = Bytes::new();
        Poll::Ready(Ok(()))
    }
}

impl Outlet {
    /// Sends frames at once, if that can be done without waiting.
    pub(crate) fn send(&self, parcel: &Parcel) -> Sent {
        let Some(shared) = self.0.upgrade().filter(|shared| shared.flushed.get()) else {
            return Sent::Nothing;
        };
        let written = shared.socket.borrow().try_write(&parcel.0);
        match written {
            Ok(bytes) if bytes == parcel.0.len() => Sent::Whole,
            Ok(bytes) => {
                *shared.rest.borrow_mut() = parcel.0.slice(bytes..);
                shared.flushed.set(false);
                Sent::Begun
            }
            Err(_) => Sent::Nothing,
        }
    }
}

impl Parcel {
    /// `frames` is not empty: an empty chunk would end the body.
    pub(crate) fn new(frames: &[u8]) -> Self {
        let size = format!("{:X}\r\n", frames.len());
        Self([size.as_bytes(), frames, b"\r\n"].concat().into())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        pin!(&mut *self.0.socket.borrow_mut()).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.flushed.set(false);
        ready!(self.poll_rest(context))?;
        pin!(&mut *self.0.socket.borrow_mut()).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(context))?;
        ready!(pin!(&mut *self.0.socket.borrow_mut()).poll_flush(context))?;
        self.0.flushed.set(true);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(context))?;
        pin!(&mut *self.0.socket.borrow_mut()).poll_shutdown(context)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};

    impl Parcel {
        pub(crate) fn bytes(&self) -> &[u8] {
            &self.0
        }
    }

    /// A connection that is ready to be written to, and its peer.
    pub(crate) async fn pair() -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        socket.writable().await.unwrap();
        (Connection::new(Socket::tcp(socket)), peer)
    }

    pub(crate) async fn read(peer: &mut TcpStream, bytes: usize) -> Vec<u8> {
        let mut read = vec![0; bytes];
        peer.read_exact(&mut read).await.unwrap();
        read
    }

    async fn write(connection: &mut Connection, bytes: &[u8]) {
        let written = poll_fn(|context| Pin::new(&mut *connection).poll_write(context, bytes)).await.unwrap();
        assert_eq!(written, bytes.len());
    }

    async fn flush(connection: &mut Connection) {
        poll_fn(|context| Pin::new(&mut *connection).poll_flush(context)).await.unwrap();
    }

    #[tokio::test]
    async fn a_parcel_is_a_chunk_of_http() {
        let (connection, mut peer) = pair().await;
        let frames = [b'x'; 26];
        assert_eq!(connection.outlet().send(&Parcel::new(&frames)), Sent::Whole);
        assert_eq!(read(&mut peer, 32).await, [b"1A\r\n", &frames[..], b"\r\n"].concat());
    }

    #[tokio::test]
    async fn nothing_is_sent_between_a_write_and_its_flush() {
        let (mut connection, mut peer) = pair().await;
        let (outlet, parcel) = (connection.outlet(), Parcel::new(b"x"));
        write(&mut connection, b"head").await;
        assert_eq!(outlet.send(&parcel), Sent::Nothing);
        flush(&mut connection).await;
        assert_eq!(outlet.send(&parcel), Sent::Whole);
        assert_eq!(read(&mut peer, 10).await, b"head1\r\nx\r\n");
    }

    #[tokio::test]
    async fn what_was_begun_goes_out_whole_and_before_what_is_written_next() {
        let (mut connection, mut peer) = pair().await;
        let outlet = connection.outlet();
        // More than the system takes from one connection.
        let parcel = Parcel::new(&vec![b'x'; 32 << 20]);
        assert_eq!(outlet.send(&parcel), Sent::Begun);
        assert_eq!(outlet.send(&Parcel::new(b"x")), Sent::Nothing, "the rest comes first");
        let bytes = parcel.bytes().len() + 3;
        let reading = tokio::spawn(async move { read(&mut peer, bytes).await });
        write(&mut connection, b"end").await;
        flush(&mut connection).await;
        assert!(reading.await.unwrap() == [parcel.bytes(), b"end"].concat());
        assert!(connection.0.rest.borrow().is_empty());
    }

    #[tokio::test]
    async fn nothing_is_sent_once_the_connection_is_gone() {
        let (connection, _peer) = pair().await;
        let outlet = connection.outlet();
        drop(connection);
        assert_eq!(outlet.send(&Parcel::new(b"x")), Sent::Nothing);
    }
}
