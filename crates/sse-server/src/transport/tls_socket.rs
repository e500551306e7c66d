//! A TLS session over TCP, after its handshake, with the calls of a plain socket. rustls does the work; what this adds is to
//! write and read without a waker, as event streams do.
//!
//! A write takes what fits into one record. Records that the system has no room for are held, and nothing more is taken
//! before they are out, so a peer that does not read costs one of them. Neither does one cost more that sends records and
//! messages of the protocol without their ends.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice, Read as _, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ServerConnection;
use tokio_rustls::server::TlsStream;

/// Most bytes of records that wait for room. TLS has 16 KiB in a record.
const HELD_BYTES: usize = 16 << 10;
/// Most bytes that a peer may send without a byte of data in them: a record whose end is on its way. rustls would hold 64 KiB
/// of a message that is cut into many.
const UNREAD_BYTES: usize = 20 << 10;
/// Of those, most that are no data yet to come: 37 new keys, each after some million records.
const PROTOCOL_BYTES: usize = 1 << 10;

/// As it is called where client and server agree on it.
pub(super) const HTTP2: &[u8] = b"h2";

#[derive(Debug)]
pub(super) struct TlsSocket {
    tcp: TcpStream,
    session: RefCell<ServerConnection>,
    /// Bytes that have come since the last data.
    unread: Cell<usize>,
}

/// Gives the session what is there now, and takes what there is room for.
struct Now<'a>(&'a TcpStream);

impl TlsSocket {
    pub(super) fn new(stream: TlsStream<TcpStream>) -> Self {
        let (tcp, mut session) = stream.into_inner();
        session.set_buffer_limit(Some(HELD_BYTES));
        Self { tcp, session: RefCell::new(session), unread: Cell::new(0) }
    }

    pub(super) fn is_http2(&self) -> bool {
        self.session.borrow().alpn_protocol() == Some(HTTP2)
    }

    pub(super) fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp.poll_read_ready(context)
    }

    pub(super) fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp.poll_write_ready(context)
    }

    /// Looks at what came once: a peer that sends records without data is not followed for ever.
    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let session = &mut *self.session.borrow_mut();
        let mut read = read_plain(session, buffer);
        if is_blocked(&read) {
            self.unread.set(self.unread.get() + session.read_tls(&mut Now(&self.tcp))?);
            if self.unread.get() > UNREAD_BYTES {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let processed = session.process_new_packets();
            // An alert, or an answer of the protocol; what does not go out now goes with the next write.
            let _ = self.flush(session);
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            read = read_plain(session, buffer);
        }
        if !is_blocked(&read) {
            self.unread.set(0);
        }
        read
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_write_vectored(&[IoSlice::new(bytes)])
    }

    pub(super) fn try_write_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let session = &mut *self.session.borrow_mut();
        self.flush(session)?;
        let taken = session.writer().write_vectored(parts)?;
        match self.flush(session) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    /// Sends the records that are held.
    pub(super) fn try_flush(&self) -> io::Result<()> {
        self.flush(&mut self.session.borrow_mut())
    }

    pub(super) fn is_flushed(&self) -> bool {
        !self.session.borrow().wants_write()
    }

    /// Has the peer sent no data, nor begun to?
    pub(super) fn is_silent(&self) -> bool {
        is_blocked(&self.try_read(&mut [0])) && self.unread.get() <= PROTOCOL_BYTES
    }

    /// Says that nothing more comes, now or after what is held.
    pub(super) fn end(&self) {
        let session = &mut *self.session.borrow_mut();
        session.send_close_notify();
        // The peer may be gone.
        let _ = self.flush(session);
    }

    fn flush(&self, session: &mut ServerConnection) -> io::Result<()> {
        while session.wants_write() {
            session.write_tls(&mut Now(&self.tcp))?;
        }
        Ok(())
    }
}

/// A peer that closes without a word of TLS has closed all the same: HTTP tells where a message ends.
fn read_plain(session: &mut ServerConnection, buffer: &mut [u8]) -> io::Result<usize> {
    match session.reader().read(buffer) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        read => read,
    }
}

pub(super) fn is_blocked<T>(done: &io::Result<T>) -> bool {
    matches!(done, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

impl AsyncRead for TlsSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let read = self.try_read(buffer.initialize_unfilled());
            if is_blocked(&read) {
                ready!(self.tcp.poll_read_ready(context))?;
            } else {
                buffer.advance(read?);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for TlsSocket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let written = self.try_write(bytes);
            if !is_blocked(&written) {
                return Poll::Ready(written);
            }
            ready!(self.tcp.poll_write_ready(context))?;
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let flushed = self.try_flush();
            if !is_blocked(&flushed) {
                return Poll::Ready(flushed);
            }
            ready!(self.tcp.poll_write_ready(context))?;
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        ready!(self.as_mut().poll_flush(context))?;
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

impl io::Read for Now<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl io::Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
