//! One open stream: sends the request and gives the pieces of the body. Over plain http it reads the socket itself, into
//! a buffer that all streams of a thread share; over https reqwest does. Knows nothing of events.

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use sse_client::is_event_stream;
use sse_client::reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use sse_client::reqwest::{self, Client, Response, Url};

use super::framing::Framing;
use super::socket::{Address, Socket};
use crate::reason::reason;

/// Longest wait for the connection and the head of the response.
pub(super) const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Limits on the head of a response.
const MAX_FIELDS: usize = 100;
const MAX_HEAD: usize = 64 << 10;

/// The request of each stream.
pub(super) struct StreamRequest {
    pub(super) url: Url,
    pub(super) address: Address,
    pub(super) headers: HeaderMap,
}

pub(super) enum StreamBody {
    Plain { socket: Socket, framing: Framing, first: Vec<u8> },
    Reqwest(Response),
}

/// Why a stream did not open.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("cannot connect: {}", reason(.0))]
    Connect(io::Error),
    #[error("no free ports at this address: add addresses with --source")]
    Ports,
    #[error("no answer within {OPEN_TIMEOUT:?}")]
    Timeout,
    #[error("the server answered {0}")]
    Status(u16),
    #[error("the answer is not an event stream")]
    ContentType,
    #[error("the answer is not HTTP/1.1")]
    Head,
    #[error("the connection was lost before the answer: {}", reason(.0))]
    Lost(io::Error),
    #[error("{}", reason(.0))]
    Reqwest(reqwest::Error),
}

/// A stream and how long it took to open.
pub(super) struct Opened {
    pub(super) body: StreamBody,
    /// To connect. `None` where reqwest connects.
    pub(super) connect: Option<Duration>,
    /// Up to the end of the head of the response.
    pub(super) open: Duration,
}

impl StreamRequest {
    /// The request of HTTP/1.1.
    fn bytes(&self) -> Vec<u8> {
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
    request: &StreamRequest,
    from: Option<IpAddr>,
    client: Option<&Client>,
) -> Result<Opened, OpenError> {
    let began = Instant::now();
    let opening = async {
        match client {
            Some(client) => Ok((open_reqwest(request, client).await?, None)),
            None => open_plain(request, from, began).await.map(|(body, time)| (body, Some(time))),
        }
    };
    let (body, connect) =
        tokio::time::timeout(OPEN_TIMEOUT, opening).await.map_err(|_| OpenError::Timeout)??;
    Ok(Opened { body, connect, open: began.elapsed() })
}

async fn open_plain(
    request: &StreamRequest,
    from: Option<IpAddr>,
    began: Instant,
) -> Result<(StreamBody, Duration), OpenError> {
    let mut socket = request.address.connect(from).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => OpenError::Ports,
        _ => OpenError::Connect(error),
    })?;
    let connect = began.elapsed();
    socket.write_all(&request.bytes()).await.map_err(OpenError::Lost)?;
    let mut read = Vec::with_capacity(512);
    let (framing, length) = loop {
        if socket.read_buf(&mut read).await.map_err(OpenError::Lost)? == 0 {
            return Err(OpenError::Lost(io::ErrorKind::UnexpectedEof.into()));
        }
        if let Some(head) = head(&read)? {
            break head;
        }
    };
    let first = read.split_off(length);
    Ok((StreamBody::Plain { socket, framing, first }, connect))
}

/// The framing of the body and the length of the head; `None` when the head is incomplete.
fn head(read: &[u8]) -> Result<Option<(Framing, usize)>, OpenError> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let length = match response.parse(read) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if read.len() < MAX_HEAD => return Ok(None),
        _ => return Err(OpenError::Head),
    };
    let headers = HeaderMap::from_iter(response.headers.iter().filter_map(|field| {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(field.value).ok()?))
    }));
    let last = |name| headers.get_all(name).iter().next_back().map(HeaderValue::as_bytes);
    check(response.code.unwrap_or_default(), &headers)?;
    let chunked =
        last(TRANSFER_ENCODING).is_some_and(|value| value.trim_ascii().eq_ignore_ascii_case(b"chunked"));
    let framing = match last(CONTENT_LENGTH) {
        _ if chunked => Framing::CHUNKED,
        Some(length) => Framing::Length(
            str::from_utf8(length).ok().and_then(|text| text.trim().parse().ok()).ok_or(OpenError::Head)?,
        ),
        None => Framing::UntilClose,
    };
    Ok(Some((framing, length)))
}

async fn open_reqwest(request: &StreamRequest, client: &Client) -> Result<StreamBody, OpenError> {
    let request = client.get(request.url.clone()).headers(request.headers.clone());
    let response = request.send().await.map_err(OpenError::Reqwest)?;
    check(response.status().as_u16(), response.headers())?;
    Ok(StreamBody::Reqwest(response))
}

fn check(status: u16, headers: &HeaderMap) -> Result<(), OpenError> {
    match status {
        200 if is_event_stream(headers) => Ok(()),
        200 => Err(OpenError::ContentType),
        status => Err(OpenError::Status(status)),
    }
}

impl StreamBody {
    /// Reads to the end of the stream, and hands each piece of the body to `take` with the number of bytes read for it.
    /// `buffer` is only borrowed while a piece is taken.
    pub(super) async fn read(self, buffer: &RefCell<Vec<u8>>, mut take: impl FnMut(&mut Pieces<'_>, usize)) {
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
                    take(&mut std::iter::once(&*piece), piece.len());
                }
            }
        }
    }
}

/// The pieces of the body in one read.
pub(super) type Pieces<'a> = dyn Iterator<Item = &'a [u8]> + 'a;

struct Framed<'a> {
    framing: &'a mut Framing,
    read: &'a [u8],
    broken: bool,
}

impl<'a> Iterator for Framed<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.framing.next(&mut self.read).unwrap_or_else(|_| {
            self.broken = true;
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(fields: &str) -> Result<Option<(Framing, usize)>, OpenError> {
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
    fn other_responses_are_refused() {
        let of = |head_text: &str| head(head_text.as_bytes()).unwrap_err().to_string();
        assert_eq!(of("HTTP/1.1 503 Busy\r\n\r\n"), "the server answered 503");
        assert_eq!(
            of("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"),
            "the answer is not an event stream"
        );
        assert_eq!(of("SSH-2.0\r\n\r\n"), "the answer is not HTTP/1.1");
        assert!(matches!(
            head(&[b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &[b'x'; MAX_HEAD]].concat()),
            Err(OpenError::Head)
        ));
    }
}
