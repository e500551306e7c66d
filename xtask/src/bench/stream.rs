//! Opens event streams for the benches and reads up to the greeting.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Connections from one local address: a search for a free port among many that are not takes longer than the rest.
const STREAMS_PER_ADDRESS: usize = 1000;
/// From 127.n.0.2 on, where n is of this process.
const ADDRESSES: usize = 250;
/// Connections so far. A closed one still keeps its port for a minute.
static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);

/// In the greeting of this server, and nowhere before.
pub(super) const GREETING: &str = "Connected";

/// Opens `count` event streams at this path.
pub(super) async fn open_many(address: &str, path: &str, count: usize) -> Result<Vec<TcpStream>> {
    open_each(address, GREETING, (0..count).map(|_| path.to_owned())).await
}

/// Opens an event stream at each of these paths. `greeting` is in what the server sends first.
pub(super) async fn open_each(
    address: &str,
    greeting: &str,
    paths: impl Iterator<Item = String>,
) -> Result<Vec<TcpStream>> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let mut streams = Vec::new();
    for (nth, path) in paths.enumerate() {
        let mut stream = connect(address).await.with_context(|| format!("stream {nth}"))?;
        request(&mut stream, address, &path, "").await?;
        read_until(&mut stream, greeting.as_bytes()).await.with_context(|| format!("stream {nth}"))?;
        streams.push(stream);
    }
    Ok(streams)
}

/// Sends the request. Each of `headers` ends with CRLF.
pub(super) async fn request(stream: &mut TcpStream, host: &str, path: &str, headers: &str) -> Result<()> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
    Ok(stream.write_all(request.as_bytes()).await?)
}

/// Reads until `mark` has arrived. Returns everything read.
pub(super) async fn read_until(stream: &mut TcpStream, mark: &[u8]) -> Result<Vec<u8>> {
    let mut seen = Vec::with_capacity(1024);
    while memchr::memmem::find(&seen, mark).is_none() {
        ensure!(
            stream.read_buf(&mut seen).await? > 0,
            "the stream ended: {}",
            String::from_utf8_lossy(&seen)
        );
    }
    Ok(seen)
}

/// Connects from many addresses, so that none runs out of ports.
pub(super) async fn connect(address: &str) -> Result<TcpStream> {
    let nth = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
    let last = u8::try_from(2 + nth / STREAMS_PER_ADDRESS % ADDRESSES)?;
    let process = u8::try_from(1 + std::process::id() % 250)?;
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, process, 0, last), 0)))?;
    Ok(socket.connect(address.parse()?).await?)
}
