//! A minimal HTTP/1.1 client for our own server: one kept-alive connection, one request at a time, little CPU time.
//! Reads responses with a length only, so no event streams.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
#[cfg(not(unix))]
use tokio::net::TcpStream as UnixStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpSocket, TcpStream};

/// Larger responses are refused.
const MAX_RESPONSE: usize = 64 << 20;

/// A kept-alive connection.
pub(crate) struct Connection<S = TcpStream> {
    socket: S,
    host: String,
    buffer: Vec<u8>,
}

/// A response with its body.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// A page of history, as far as tests look at it.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct EventPage {
    pub(crate) events: Vec<StoredEvent>,
    pub(crate) next: String,
    pub(crate) gap: Option<serde_json::Value>,
}

#[derive(Debug, serde::Deserialize)]
pub(crate) struct StoredEvent {
    pub(crate) id: String,
    pub(crate) data: String,
    pub(crate) time: String,
}

/// The response to one published event.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct PublishReceipt {
    pub(crate) id: String,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Result<Self> {
        Self::open_from(address, None).await
    }

    /// The same from this address of the machine.
    pub(crate) async fn open_from(address: &str, source: Option<IpAddr>) -> Result<Self> {
        let socket = match source {
            None => TcpStream::connect(address).await?,
            Some(source) => {
                let socket = TcpSocket::new_v4()?;
                socket.bind(SocketAddr::new(source, 0))?;
                socket.connect(address.parse()?).await?
            }
        };
        socket.set_nodelay(true)?;
        Ok(Self::over(socket, address))
    }
}

impl Connection<UnixStream> {
    #[cfg(not(unix))]
    pub(crate) async fn open_unix(_: &Path) -> Result<Self> {
        bail!("this system has no Unix sockets")
    }

    #[cfg(unix)]
    pub(crate) async fn open_unix(path: &Path) -> Result<Self> {
        Ok(Self::over(UnixStream::connect(path).await?, "localhost"))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn over(socket: S, host: &str) -> Self {
        Self { socket, host: host.to_owned(), buffer: Vec::with_capacity(1024) }
    }

    /// Publishes one event and waits until it is stored. Returns its id.
    pub(crate) async fn publish(&mut self, topic: &str, data: &[u8]) -> Result<String> {
        let response = self.post(topic, "text/plain", data).await?;
        Ok(response.expect_ok()?.json::<PublishReceipt>()?.id)
    }

    /// The same with an event type and an idempotency key. The same key gives the same id.
    pub(crate) async fn publish_as(
        &mut self,
        topic: &str,
        event_type: &str,
        key: Option<&str>,
        data: &[u8],
    ) -> Result<String> {
        let key = key.map(|key| format!("&key={key}")).unwrap_or_default();
        self.publish(&format!("{topic}?event={event_type}{key}"), data).await
    }

    /// Publishes a batch of NDJSON and waits until it is stored.
    pub(crate) async fn publish_batch(&mut self, topic: &str, ndjson: &[u8]) -> Result<()> {
        self.post(topic, "application/x-ndjson", ndjson).await?.expect_ok().map(drop)
    }

    pub(crate) async fn post(&mut self, topic: &str, content_type: &str, body: &[u8]) -> Result<Response> {
        let request = self.request(topic, content_type, body);
        self.exchange(&request).await
    }

    /// The bytes of a POST, for [`Self::send_prepared`].
    pub(crate) fn request(&self, topic: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
        self.post_request(&format!("/topics/{topic}"), content_type, body)
    }

    /// The same for any path.
    pub(crate) fn post_request(&self, path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
        let host = &self.host;
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
        );
        [head.as_bytes(), body].concat()
    }

    /// Sends a prepared request and waits for the whole response, which has to be a 200.
    pub(crate) async fn send_prepared(&mut self, request: &[u8]) -> Result<()> {
        self.socket.write_all(request).await?;
        let end = self.read_head().await?;
        let head = str::from_utf8(self.buffer.get(..end).unwrap_or_default())?;
        let length = header(head, "content-length").context("a response without Content-Length")?.parse()?;
        self.read_to(end, length).await?;
        if !self.buffer.starts_with(b"HTTP/1.1 200 ") {
            bail!("the server answered {}", String::from_utf8_lossy(&self.buffer));
        }
        ensure!(self.buffer.len() == end + length, "more than the response has arrived");
        Ok(())
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Response> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.exchange(request.as_bytes()).await
    }

    /// Sends a prepared request and waits for the whole response, whatever it is.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Response> {
        self.socket.write_all(request).await?;
        let end = self.read_head().await?;
        let head = String::from_utf8(self.buffer.get(..end).unwrap_or_default().to_vec())?;
        let status = head.split(' ').nth(1).context("no status")?.parse()?;
        let body = match header(&head, "content-length") {
            Some(length) => self.read_to(end, length.parse()?).await?,
            None => self.read_chunks(end).await?,
        };
        Ok(Response { status, head, body })
    }

    /// Reads a head into the buffer, and perhaps more. Returns its length.
    async fn read_head(&mut self) -> Result<usize> {
        self.buffer.clear();
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                return Ok(at + 4);
            }
            self.read().await?;
        }
    }

    /// Reads so many bytes from `start` on.
    async fn read_to(&mut self, start: usize, length: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < start + length {
            self.read().await?;
        }
        Ok(self.buffer.get(start..start + length).unwrap_or_default().to_vec())
    }

    /// Reads a body in chunks from `start` on.
    async fn read_chunks(&mut self, mut start: usize) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let rest = self.buffer.get(start..).unwrap_or_default();
            let Some(line) = memchr::memmem::find(rest, b"\r\n") else {
                self.read().await?;
                continue;
            };
            let size = str::from_utf8(rest.get(..line).unwrap_or_default())?;
            let size = usize::from_str_radix(size, 16).context("neither Content-Length nor chunks")?;
            let chunk = self.read_to(start + line + 2, size + 2).await?;
            body.extend_from_slice(chunk.get(..size).unwrap_or_default());
            if size == 0 {
                return Ok(body);
            }
            start += line + 2 + size + 2;
        }
    }

    async fn read(&mut self) -> Result<()> {
        ensure!(self.buffer.len() < MAX_RESPONSE, "the response is too large");
        ensure!(self.socket.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
        Ok(())
    }
}

impl Response {
    pub(crate) fn expect_ok(self) -> Result<Self> {
        if self.status != 200 {
            bail!("the server answered {}: {}", self.status, String::from_utf8_lossy(&self.body));
        }
        Ok(self)
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).context("unexpected response body")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
