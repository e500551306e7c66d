//! A TCP proxy for one reader that fails its first connection at a chosen byte of the answer. Later ones pass. Knows of
//! the answer only where the greeting and the last event end.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// How a connection fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// FIN.
    Close,
    /// RST.
    Reset,
    /// Silence, then FIN.
    Stall,
}

/// After how many bytes a connection fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// From the status line on; at most to the end of the last event's chunk.
    Answer(usize),
    /// After the last event's chunk.
    End(usize),
}

/// Silence of a stall.
const STALL: Duration = Duration::from_millis(200);

/// A proxy with its fault.
pub(super) struct FaultProxy {
    listener: TcpListener,
    upstream: String,
    fault: Fault,
    position: Position,
    /// What the last chunk ends with.
    last: Vec<u8>,
    /// The server has sent a greeting, whether or not it was forwarded, or the connection has failed before.
    pub(super) greeted: Notify,
    /// Bytes of the answer before the fault.
    pub(super) forwarded: Cell<usize>,
    /// The greeting was forwarded before the fault.
    pub(super) greeting_passed: Cell<bool>,
    /// Connections after the failed one.
    pub(super) passed: Cell<u32>,
}

impl FaultProxy {
    pub(super) async fn start(
        upstream: &str,
        fault: Fault,
        position: Position,
        last: &str,
    ) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind("127.0.0.1:0").await?,
            upstream: upstream.to_owned(),
            fault,
            position,
            last: format!("data: {last}\n\n\r\n").into_bytes(),
            greeted: Notify::new(),
            forwarded: Cell::default(),
            greeting_passed: Cell::default(),
            passed: Cell::default(),
        })
    }

    /// `127.0.0.1:PORT`
    pub(super) fn address(&self) -> io::Result<String> {
        Ok(self.listener.local_addr()?.to_string())
    }

    /// Accepts a connection, and fails it.
    pub(super) async fn fail_first(&self) -> io::Result<()> {
        let (mut client, mut server) = self.accept().await?;
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") && client.read_buf(&mut request).await? > 0 {}
        server.write_all(&request).await?;
        let (mut answer, mut forwarded) = (Vec::new(), 0);
        loop {
            let open = server.read_buf(&mut answer).await? > 0;
            if greeting_end(&answer).is_some() {
                self.greeted.notify_one();
            }
            let limit = self.limit(&answer);
            let ready = answer.get(forwarded..limit.min(answer.len())).unwrap_or_default();
            client.write_all(ready).await?;
            forwarded += ready.len();
            if forwarded == limit || !open {
                break;
            }
        }
        self.greeting_passed.set(greeting_end(&answer).is_some_and(|end| end <= forwarded));
        self.forwarded.set(forwarded);
        self.greeted.notify_one();
        match self.fault {
            Fault::Close => client.shutdown().await,
            Fault::Reset => client.set_zero_linger(),
            Fault::Stall => {
                tokio::time::sleep(STALL).await;
                client.shutdown().await
            }
        }
    }

    /// Forwards all further connections, one at a time. Ends with an error only.
    pub(super) async fn pass(&self) -> io::Result<()> {
        loop {
            let (mut client, mut server) = self.accept().await?;
            self.passed.update(|passed| passed + 1);
            // How one of them ends is the reader's business.
            let _ = copy_bidirectional(&mut client, &mut server).await;
        }
    }

    /// Connects to the server once the request is coming, because that closes a connection without one.
    async fn accept(&self) -> io::Result<(TcpStream, TcpStream)> {
        let (client, _) = self.listener.accept().await?;
        client.set_nodelay(true)?;
        client.readable().await?;
        Ok((client, TcpStream::connect(&self.upstream).await?))
    }

    /// How many bytes of this answer are forwarded, as far as it is known.
    fn limit(&self, answer: &[u8]) -> usize {
        let last = memmem::find(answer, &self.last).map(|at| at + self.last.len());
        match self.position {
            Position::Answer(bytes) => last.map_or(bytes, |last| last.min(bytes)),
            Position::End(bytes) => last.map_or(usize::MAX, |last| last + bytes),
        }
    }
}

/// Where the greeting's block ends: it is the first with data.
fn greeting_end(answer: &[u8]) -> Option<usize> {
    let data = memmem::find(answer, b"\ndata: ")?;
    let end = memmem::find(answer.get(data..)?, b"\n\n")?;
    Some(data + end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_ends_with_its_blank_line() {
        let answer = b"HTTP/1.1 200 OK\r\n\r\n30\r\nretry: 1\n\nid: 1\ndata: hi\n\nid: 2\n\n";
        assert_eq!(greeting_end(answer), Some(answer.len() - 7));
        assert_eq!(greeting_end(&answer[..answer.len() - 8]), None);
    }
}
