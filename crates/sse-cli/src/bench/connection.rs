//! One stream's connection: opens it and gives the pieces of its body. Over plain http it reads the socket itself, into
//! a buffer that all streams of a thread share; over https reqwest does. Knows nothing of events.

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use sse_client::reqwest::header::{CONTENT_TYPE, HeaderMap};
use sse_client::reqwest::{self, Client, Response, Url};

use super::framing::Framing;
use super::socket::{Address, Socket};
use crate::talk;

/// Longest wait for the connection and the head of the answer.
pub(super) const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// More header fields than this, or a longer head, is no answer.
const MAX_FIELDS: usize = 100;
const MAX_HEAD: usize = 64 << 10;

/// What each stream of a run asks for.
pub(super) struct Ask {
    pub(super) url: Url,
    pub(super) address: Address,
    pub(super) headers: HeaderMap,
}

/// An open stream.
pub(super) enum Connection {
    Plain { socket: Socket, framing: Framing, first: Vec<u8> },
    Reqwest(Response),
}

/// Why a stream did not open.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unopened {
    #[error("cannot connect: {}", talk::plain(&.0.to_string()))]
    Connect(io::Error),
    #[error("no more ports at this address: open streams from more of them with --source")]
    Ports,
    #[error("no answer within {OPEN_TIMEOUT:?}")]
    Timeout,
    #[error("the server answered {0}")]
    Status(u16),
    #[error("the answer is no event stream")]
    ContentType,
    #[error("the answer is not HTTP/1.1")]
    Head,
    #[error("the connection was lost before the answer: {}", talk::plain(&.0.to_string()))]
    Lost(io::Error),
    #[error("{}", talk::innermost(.0))]
    Reqwest(reqwest::Error),
}

/// How long it took.
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// Of the socket alone. `None` where reqwest connects.
    pub(super) connect: Option<Duration>,
    /// Up to the end of the answer's head.
    pub(super) open: Duration,
}

impl Ask {
    /// The bytes that ask for the stream.
    fn request(&self) -> Vec<u8> {
        let (path, query) =
            (self.url.path(), self.url.query().map(|query| format!("?{query}")).unwrap_or_default());
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let mut bytes = format!("GET {path}{query} HTTP/1.1\r\nhost: {host}{port}\r\n").into_bytes();
        for (name, value) in &self.headers {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                bytes.extend_from_slice(part);
            }
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }
}

/// Opens a stream, within the time limit.
pub(super) async fn open(
    ask: &Ask,
    from: Option<IpAddr>,
    client: Option<&Client>,
) -> Result<Opened, Unopened> {
    let began = Instant::now();
    let opening = async {
        match client {
            Some(client) => Ok((open_reqwest(ask, client).await?, None)),
            None => open_plain(ask, from, began).await.map(|(connection, time)| (connection, Some(time))),
        }
    };
    let (connection, connect) =
        tokio::time::timeout(OPEN_TIMEOUT, opening).await.map_err(|_| Unopened::Timeout)??;
    Ok(Opened { connection, connect, open: began.elapsed() })
}

async fn open_plain(
    ask: &Ask,
    from: Option<IpAddr>,
    began: Instant,
) -> Result<(Connection, Duration), Unopened> {
    let mut socket = ask.address.connect(from).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => Unopened::Ports,
        _ => Unopened::Connect(error),
    })?;
    let connect = began.elapsed();
    socket.write_all(&ask.request()).await.map_err(Unopened::Lost)?;
    let mut read = Vec::with_capacity(512);
    let (framing, length) = loop {
        if socket.read_buf(&mut read).await.map_err(Unopened::Lost)? == 0 {
            return Err(Unopened::Lost(io::ErrorKind::UnexpectedEof.into()));
        }
        if let Some(head) = head(&read)? {
            break head;
        }
    };
    let first = read.split_off(length);
    Ok((Connection::Plain { socket, framing, first }, connect))
}

/// The framing of the body and the length of the head; `None` when there is more of it to come.
fn head(read: &[u8]) -> Result<Option<(Framing, usize)>, Unopened> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut answer = httparse::Response::new(&mut fields);
    let length = match answer.parse(read) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if read.len() < MAX_HEAD => return Ok(None),
        _ => return Err(Unopened::Head),
    };
    let field = |name: &str| {
        answer
            .headers
            .iter()
            .rev()
            .find(|field| field.name.eq_ignore_ascii_case(name))
            .map(|field| field.value)
    };
    match answer.code {
        Some(200) if field("content-type").is_some_and(is_event_stream) => {}
        Some(200) => return Err(Unopened::ContentType),
        code => return Err(Unopened::Status(code.unwrap_or_default())),
    }
    let chunked =
        field("transfer-encoding").is_some_and(|value| value.trim_ascii().eq_ignore_ascii_case(b"chunked"));
    let framing = match field("content-length") {
        _ if chunked => Framing::CHUNKED,
        Some(length) => Framing::Length(
            str::from_utf8(length).ok().and_then(|text| text.trim().parse().ok()).ok_or(Unopened::Head)?,
        ),
        None => Framing::UntilClose,
    };
    Ok(Some((framing, length)))
}

fn is_event_stream(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

async fn open_reqwest(ask: &Ask, client: &Client) -> Result<Connection, Unopened> {
    let request = client.get(ask.url.clone()).headers(ask.headers.clone());
    let response = request.send().await.map_err(Unopened::Reqwest)?;
    if response.status() != 200 {
        return Err(Unopened::Status(response.status().as_u16()));
    }
    let content_type = response.headers().get_all(CONTENT_TYPE).iter().next_back();
    if !content_type.is_some_and(|value| is_event_stream(value.as_bytes())) {
        return Err(Unopened::ContentType);
    }
    Ok(Connection::Reqwest(response))
}

impl Connection {
    /// Reads to the end of the stream, handing each piece of the body to `take` with the bytes of the wire behind it.
    /// `buffer` is only held while a piece is taken.
    pub(super) async fn read(self, buffer: &RefCell<Vec<u8>>, mut take: impl FnMut(&mut dyn Pieces, usize)) {
        match self {
            Self::Plain { socket, mut framing, first } => {
                take(&mut Framed { framing: &mut framing, read: &first, broken: false }, first.len());
                drop(first);
                while !framing.ended() && socket.readable().await.is_ok() {
                    let mut buffer = buffer.borrow_mut();
                    let count = match socket.try_read(&mut buffer) {
                        Ok(0) => return,
                        Ok(count) => count,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                        Err(_) => return,
                    };
                    let read = buffer.get(..count).unwrap_or_default();
                    let mut pieces = Framed { framing: &mut framing, read, broken: false };
                    take(&mut pieces, count);
                    if pieces.broken {
                        return;
                    }
                }
            }
            Self::Reqwest(mut response) => {
                while let Ok(Some(piece)) = response.chunk().await {
                    take(&mut Some(&*piece), piece.len());
                }
            }
        }
    }
}

/// The pieces of the body that one read has brought.
pub(super) trait Pieces {
    fn next(&mut self) -> Option<&[u8]>;
}

struct Framed<'a> {
    framing: &'a mut Framing,
    read: &'a [u8],
    broken: bool,
}

impl Pieces for Framed<'_> {
    fn next(&mut self) -> Option<&[u8]> {
        self.framing.next(&mut self.read).unwrap_or_else(|_| {
            self.broken = true;
            None
        })
    }
}

impl Pieces for Option<&[u8]> {
    fn next(&mut self) -> Option<&[u8]> {
        self.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(fields: &str) -> Result<Option<(Framing, usize)>, Unopened> {
        head(
            format!("HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n{fields}\r\n")
                .as_bytes(),
        )
    }

    #[test]
    fn the_head_says_how_the_body_is_framed() {
        for (fields, expected) in [
            ("", Framing::UntilClose),
            ("Transfer-Encoding: Chunked\r\n", Framing::CHUNKED),
            ("content-length: 12\r\n", Framing::Length(12)),
            ("content-length: 12\r\ntransfer-encoding: chunked\r\n", Framing::CHUNKED),
        ] {
            let (found, length) = framing(fields).unwrap().unwrap();
            assert_eq!((found, length), (expected, 67 + fields.len()), "{fields}");
        }
        assert!(head(b"HTTP/1.1 200 OK\r\nContent-Ty").unwrap().is_none());
    }

    #[test]
    fn what_is_no_stream_is_refused() {
        let of = |head_text: &str| head(head_text.as_bytes()).unwrap_err().to_string();
        assert_eq!(of("HTTP/1.1 503 Busy\r\n\r\n"), "the server answered 503");
        assert_eq!(of("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"), "the answer is no event stream");
        assert_eq!(of("SSH-2.0\r\n\r\n"), "the answer is not HTTP/1.1");
        assert!(matches!(
            head(&[b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &[b'x'; MAX_HEAD]].concat()),
            Err(Unopened::Head)
        ));
    }
}
