//! What all attacks are made of: raw connections to the server, and what became of them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Small, so that little of what is not read is in the client's kernel.
const RECEIVE_BUFFER: u32 = 4096;
/// How long a connection is held: longer than a server may wait for a peer that does not read.
const HOLD: Duration = Duration::from_secs(75);
/// Silence that tells that no more is coming, and the longest look at what is.
const SILENCE: Duration = Duration::from_secs(1);
const LONGEST_DRAIN: Duration = Duration::from_secs(5);

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The server answered, and the client went away.
    Served,
    /// Answered with 4xx or 5xx.
    Refused,
    /// Closed or reset by the server.
    Cut,
    /// Still open when the client had waited long enough.
    Open,
}

/// The server, as the clients of one kind see it.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) address: String,
    /// Loopback address of the kind, so that none runs out of ports.
    pub(super) source: Ipv4Addr,
    /// Changes when the test is over.
    pub(super) stop: watch::Receiver<bool>,
}

impl Target {
    pub(super) async fn connect(&self) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from((self.source, 0)))?;
        Ok(socket.connect(self.address.parse()?).await?)
    }

    /// Head of a request, without the blank line.
    pub(super) fn head(&self, request: &str) -> String {
        format!("{request} HTTP/1.1\r\nHost: {}\r\n", self.address)
    }

    /// Connects and sends the head of a GET.
    pub(super) async fn get(&self, path: &str) -> Result<TcpStream> {
        let mut stream = self.connect().await?;
        stream.write_all(format!("{}\r\n", self.head(&format!("GET {path}"))).as_bytes()).await?;
        Ok(stream)
    }

    /// Sends a GET and does not read the answer. Only afterwards can the client see what became of it.
    pub(super) async fn never_read(&self, path: &str) -> Result<End> {
        let mut stream = self.get(path).await?;
        tokio::select! { () = sleep(HOLD) => {} () = self.stopped() => {} }
        Ok(timeout(LONGEST_DRAIN, drain(&mut stream)).await.unwrap_or(End::Open))
    }

    /// Reads and discards, and sends a byte each second if there is one, until the server ends the connection.
    pub(super) async fn until_cut(&self, stream: &mut TcpStream, byte: Option<u8>) -> Result<End> {
        let (mut buffer, end) = ([0; 4096], Instant::now() + HOLD);
        loop {
            tokio::select! {
                count = stream.read(&mut buffer) => if let Some(end) = end_of(&buffer, count) {
                    return Ok(end);
                },
                () = sleep(Duration::from_secs(1)), if byte.is_some() => {
                    stream.write_all(byte.as_slice()).await?;
                }
                () = sleep_until(end) => return Ok(End::Open),
                () = self.stopped() => return Ok(End::Open),
            }
        }
    }

    /// Resolves when the test is over.
    pub(super) async fn stopped(&self) {
        // An error means that the owner is gone, which is the same.
        let _ = self.stop.clone().wait_for(|stop| *stop).await;
    }
}

/// Reads what is left.
async fn drain(stream: &mut TcpStream) -> End {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count) = timeout(SILENCE, stream.read(&mut buffer)).await {
        if let Some(end) = end_of(&buffer, count) {
            return end;
        }
    }
    End::Open
}

/// Whether a read was the last.
fn end_of(buffer: &[u8], count: io::Result<usize>) -> Option<End> {
    match count {
        Ok(0) | Err(_) => Some(End::Cut),
        Ok(_) if buffer.starts_with(b"HTTP/1.1 4") || buffer.starts_with(b"HTTP/1.1 5") => Some(End::Refused),
        Ok(_) => None,
    }
}
