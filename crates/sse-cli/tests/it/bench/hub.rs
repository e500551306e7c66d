//! A hub that loses, doubles and swaps events as it is told.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// What becomes of the event that was published as number so-and-so, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    Pass,
    Lose,
    Double,
    /// Comes after the next one.
    Swap,
    /// Is answered with 500, and not delivered.
    Refuse,
}

pub(crate) type Fates = fn(usize) -> Fate;

/// A hub with one topic: what is posted to any path goes to every stream that was opened by a GET.
pub(crate) struct Hub {
    fates: Fates,
    streams: Vec<OwnedWriteHalf>,
    pub(super) published: usize,
    /// Waits for the next event.
    swapped: Option<String>,
}

impl Hub {
    pub(crate) async fn start(fates: Fates) -> SocketAddr {
        Self::start_shared(fates).await.0
    }

    pub(super) async fn start_shared(fates: Fates) -> (SocketAddr, Arc<Mutex<Self>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hub = Self { fates, streams: Vec::new(), published: 0, swapped: None };
        let hub = Arc::new(Mutex::new(hub));
        let shared = Arc::clone(&hub);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(Self::serve(socket, Arc::clone(&shared)));
            }
        });
        (address, hub)
    }

    async fn serve(mut socket: TcpStream, hub: Arc<Mutex<Self>>) {
        let mut read = Vec::new();
        loop {
            let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|at| at + 4) else {
                if socket.read_buf(&mut read).await.unwrap_or(0) == 0 {
                    return;
                }
                continue;
            };
            let head = String::from_utf8(read.drain(..end).collect()).unwrap();
            if head.starts_with("GET ") {
                let (mut kept, mut write) = socket.into_split();
                let answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
                write.write_all(answer).await.unwrap();
                hub.lock().await.streams.push(write);
                while kept.read(&mut [0; 64]).await.is_ok_and(|count| count > 0) {}
                return;
            }
            let length = head
                .to_ascii_lowercase()
                .split("content-length: ")
                .nth(1)
                .unwrap()
                .split("\r\n")
                .next()
                .unwrap()
                .parse()
                .unwrap();
            while read.len() < length {
                socket.read_buf(&mut read).await.unwrap();
            }
            let data = String::from_utf8(read.drain(..length).collect()).unwrap();
            let status = hub.lock().await.publish(data).await;
            socket
                .write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok").as_bytes())
                .await
                .unwrap();
        }
    }

    async fn publish(&mut self, data: String) -> &'static str {
        let fate = (self.fates)(self.published);
        self.published += 1;
        if fate == Fate::Refuse {
            return "500 Internal Server Error";
        }
        if fate == Fate::Swap {
            self.swapped = Some(data);
            return "201 Created";
        }
        let copies = match fate {
            Fate::Lose => 0,
            Fate::Double => 2,
            _ => 1,
        };
        for data in std::iter::repeat_n(data, copies).chain(self.swapped.take()) {
            // Other servers pack the text into JSON, and split chunks where they like.
            let block = format!("event: message\ndata: {{\"text\":\"{data}\"}}\n\n");
            let (start, end) = block.split_at(20);
            let chunks = format!("{:x}\r\n{start}\r\n{:X};x=y\r\n{end}\r\n", start.len(), end.len());
            for stream in &mut self.streams {
                let _ = stream.write_all(chunks.as_bytes()).await;
            }
        }
        "200 OK"
    }
}
