//! An accepted connection with two writers: actix-http, which owns it, and the fan-out, which writes frames past it while it
//! has nothing to write. A delivery is then one `write` and wakes no task. Knows HTTP/1.1 chunks, not actix-web.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use sse_hub::{DirectWriter, SharedFrames, WriteOutcome};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::socket::{Socket, try_write};

/// The side of actix-http. What the fan-out has begun to write goes out before anything else.
#[derive(Debug)]
pub(crate) struct Connection(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    socket: RefCell<Socket>,
    /// What the socket had no room for after a partial write.
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

    /// The side of the fan-out. Does not keep the connection open.
    pub(crate) fn direct_writer(&self) -> Weak<dyn DirectWriter> {
        let writer: Weak<dyn DirectWriter> = Rc::<Shared>::downgrade(&self.0);
        writer
    }

    /// Writes what a partial write has left.
    fn poll_rest(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut rest = self.0.rest.borrow_mut();
        while !rest.is_empty() {
            let written = ready!(pin!(&mut *self.0.socket.borrow_mut()).poll_write(context, &rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            rest.advance(written);
        }
        // An empty slice would keep the whole chunk alive.
        *rest = Bytes::new();
        Poll::Ready(Ok(()))
    }
}

impl DirectWriter for Shared {
    fn write(&self, frames: &SharedFrames) -> WriteOutcome {
        if !self.flushed.get() {
            return WriteOutcome::Skipped;
        }
        let chunk = frames.framed(encoded_chunk);
        let written = try_write(&self.socket.borrow(), chunk);
        match written {
            Ok(bytes) if bytes == chunk.len() => WriteOutcome::Complete,
            Ok(bytes) => {
                *self.rest.borrow_mut() = chunk.slice(bytes..);
                self.flushed.set(false);
                WriteOutcome::Partial
            }
            Err(_) => WriteOutcome::Skipped,
        }
    }
}

/// Frames as one chunk of an HTTP/1.1 body. `frames` is not empty: an empty chunk would end the body.
fn encoded_chunk(frames: &[u8]) -> Bytes {
    let size = format!("{:X}\r\n", frames.len());
    [size.as_bytes(), frames, b"\r\n"].concat().into()
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
mod tests {
    use super::super::socket::tcp;
    use super::*;
    use sse_core::{Event, Topic};
    use sse_hub::{Fanout, Hub, Policies, Selectors, Start, Subscription};
    use std::future::poll_fn;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};
    use tokio_util::sync::CancellationToken;

    /// A connection that is ready to be written to, its peer, and a subscription that may write past it.
    struct World {
        connection: Connection,
        peer: TcpStream,
        hub: Hub,
        subscription: Subscription,
    }

    impl World {
        async fn new() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (socket, _) = listener.accept().await.unwrap();
            socket.writable().await.unwrap();
            let connection = Connection::new(tcp(socket));
            let hub = Hub::in_memory(&Policies::default());
            let fanout = Fanout::start(hub.clone(), CancellationToken::new());
            let subscription = fanout.subscribe(Selectors::exactly(topic()), Start::Now).await.unwrap();
            let subscription = subscription.with_direct_writer(Some(connection.direct_writer()));
            Self { connection, peer, hub, subscription }
        }

        /// Publishes, and lets the fan-out deliver. `true` if it was by a direct write.
        async fn publish(&mut self, bytes: usize) -> bool {
            // Reads what it was not sent directly, and parks.
            poll_fn(|context| {
                while self.subscription.poll_next(context).is_ready() {}
                Poll::Ready(())
            })
            .await;
            let before = self.subscription.last_direct_write();
            self.hub.publish(topic(), Event::new("x".repeat(bytes))).await.unwrap();
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            self.subscription.last_direct_write() != before
        }

        async fn read(&mut self, until: &str) -> String {
            let mut read = Vec::new();
            while !String::from_utf8_lossy(&read).ends_with(until) {
                assert!(self.peer.read_buf(&mut read).await.unwrap() > 0, "closed");
            }
            String::from_utf8(read).unwrap()
        }

        async fn write(&mut self, bytes: &[u8]) {
            let connection = &mut self.connection;
            let written =
                poll_fn(|context| Pin::new(&mut *connection).poll_write(context, bytes)).await.unwrap();
            assert_eq!(written, bytes.len());
        }

        async fn flush(&mut self) {
            poll_fn(|context| Pin::new(&mut self.connection).poll_flush(context)).await.unwrap();
        }
    }

    fn topic() -> Topic {
        Topic::new("a").unwrap()
    }

    async fn local(test: impl AsyncFnOnce(World)) {
        tokio::task::LocalSet::new().run_until(async { test(World::new().await).await }).await;
    }

    #[tokio::test]
    async fn a_delivery_is_one_chunk_of_http() {
        local(async |mut world| {
            assert!(world.publish(3).await);
            let chunk = world.read("data: xxx\n\n\r\n").await;
            let (size, frames) = chunk.split_once("\r\n").unwrap();
            assert_eq!(usize::from_str_radix(size, 16).unwrap(), frames.len() - 2);
        })
        .await;
    }

    #[tokio::test]
    async fn nothing_is_written_between_a_write_of_the_owner_and_its_flush() {
        local(async |mut world| {
            world.write(b"head").await;
            assert!(!world.publish(1).await);
            world.flush().await;
            assert!(world.publish(2).await, "the first is left to the task, which reads the feed");
            assert!(world.read("data: xx\n\n\r\n").await.starts_with("head"));
        })
        .await;
    }

    #[tokio::test]
    async fn a_partial_write_goes_out_whole_and_before_what_the_owner_writes_next() {
        local(async |mut world| {
            // Until the system takes no more from a peer that does not read.
            let mut written = 0;
            while world.publish(20_000).await {
                written += 1;
                assert!(written < 5_000, "100 MB went to a peer that does not read");
            }
            let rest = world.connection.0.rest.borrow().len();
            let peer = std::mem::replace(&mut world.peer, unconnected().await);
            let reading = tokio::spawn(async move {
                let (mut peer, mut read) = (peer, Vec::new());
                peer.read_to_end(&mut read).await.unwrap();
                read
            });
            world.write(b"end").await;
            world.flush().await;
            assert!(world.connection.0.rest.borrow().is_empty());
            drop(world);
            let read = reading.await.unwrap();
            let chunks = read.strip_suffix(b"end").unwrap();
            assert!(chunks.ends_with(b"x\n\n\r\n"), "a rest of {rest} bytes was cut");
        })
        .await;
    }

    #[tokio::test]
    async fn nothing_is_written_once_the_connection_is_gone() {
        local(async |mut world| {
            world.connection = World::new().await.connection;
            assert!(!world.publish(1).await);
        })
        .await;
    }

    async fn unconnected() -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        TcpStream::connect(listener.local_addr().unwrap()).await.unwrap()
    }
}
