//! A subscriber of the drain test: a bare socket, so that there can be many. Comes back with its last id after the time that the
//! server gave, and checks that each number follows the one before.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use sse_core::Decoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::SemaphorePermit;
use tokio::time::sleep;

use super::publisher::TOPIC;
use super::shared::{Shared, add};

/// The last chunk of a body that is whole.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// Where the server gave none.
const RETRY: Duration = Duration::from_secs(1);
/// Bytes that are read at once.
const PIECE: usize = 4 << 10;

/// What a client makes of a response that ends as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnCleanEnd {
    /// As EventSource does.
    ComeBack,
    /// As Datastar does: that was all.
    Finish,
}

pub(super) struct Subscriber {
    shared: Rc<Shared>,
    on_clean_end: OnCleanEnd,
    decoder: Decoder,
    /// The last number that it got.
    number: u64,
}

/// How a response has ended.
enum Ended {
    Clean,
    Cut,
    /// Before it began.
    Unanswered,
}

impl Subscriber {
    pub(super) fn new(shared: Rc<Shared>, on_clean_end: OnCleanEnd) -> Self {
        Self { shared, on_clean_end, decoder: Decoder::new(), number: 0 }
    }

    /// Reads until it has the last event.
    pub(super) async fn run(mut self) {
        if let Err(error) = self.read().await {
            self.shared.fault(format!("after event {}: {error:#}", self.number));
        }
    }

    async fn read(&mut self) -> Result<()> {
        let shared = Rc::clone(&self.shared);
        let mut opening = Some(shared.opening.acquire().await?);
        while !self.is_done() {
            match self.connect().await {
                Some(socket) => match self.follow(socket, opening.take()).await? {
                    Ended::Clean if self.on_clean_end == OnCleanEnd::Finish => bail!("a clean end"),
                    Ended::Unanswered => add(&self.shared.refused),
                    Ended::Clean | Ended::Cut => {}
                },
                None => add(&self.shared.refused),
            }
            if !self.is_done() {
                sleep(self.decoder.retry().unwrap_or(RETRY)).await;
                self.shared.returns.borrow_mut().push(Instant::now());
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.shared.last.get().is_some_and(|last| self.number >= last)
    }

    /// A connection on which the request was sent.
    async fn connect(&self) -> Option<TcpStream> {
        let shared = &self.shared;
        let mut socket = TcpStream::connect(&shared.address).await.ok()?;
        let end = if self.on_clean_end == OnCleanEnd::Finish { "&end=abort" } else { "" };
        let id = match self.decoder.last_event_id() {
            "" => String::new(),
            id => format!("Last-Event-ID: {id}\r\n"),
        };
        let request =
            format!("GET /events?topic={TOPIC}{end} HTTP/1.1\r\nHost: {}\r\n{id}\r\n", shared.address);
        socket.write_all(request.as_bytes()).await.ok()?;
        Some(socket)
    }

    async fn follow(&mut self, mut socket: TcpStream, opening: Option<SemaphorePermit<'_>>) -> Result<Ended> {
        let shared = Rc::clone(&self.shared);
        let mut read = Vec::with_capacity(PIECE);
        let body = loop {
            match socket.read_buf(&mut read).await {
                Ok(0) | Err(_) => return Ok(Ended::Unanswered),
                Ok(_) => {}
            }
            if let Some(end) = memchr::memmem::find(&read, b"\r\n\r\n") {
                break end + 4;
            }
        };
        drop(opening);
        let head = String::from_utf8_lossy(read.get(..body).unwrap_or_default()).into_owned();
        ensure!(head.starts_with("HTTP/1.1 200 "), "{head}");
        shared.open.set(shared.open.get() + 1);
        let ended = self.follow_body(&mut socket, read.split_off(body)).await;
        shared.open.set(shared.open.get() - 1);
        self.decoder.restart();
        ended
    }

    async fn follow_body(&mut self, socket: &mut TcpStream, mut piece: Vec<u8>) -> Result<Ended> {
        let mut tail = Vec::new();
        loop {
            self.take(&piece)?;
            tail.extend_from_slice(&piece);
            tail.drain(..tail.len().saturating_sub(LAST_CHUNK.len()));
            if self.is_done() {
                return Ok(Ended::Cut);
            }
            piece.clear();
            match socket.read_buf(&mut piece).await {
                Ok(0) if tail == LAST_CHUNK => return Ok(Ended::Clean),
                Ok(0) | Err(_) => return Ok(Ended::Cut),
                Ok(_) => {}
            }
        }
    }

    /// The chunks' sizes are fields that nobody knows: each chunk has whole blocks.
    fn take(&mut self, piece: &[u8]) -> Result<()> {
        for event in self.decoder.feed(piece) {
            let event = event?;
            let event_type = event.event_type().map_or("", |event_type| event_type.as_str());
            ensure!(event_type != "gap", "a gap: {}", event.data());
            if event_type == "n" {
                let number: u64 = event.data().parse().context("not a number")?;
                ensure!(number == self.number + 1, "event {number} follows");
                self.number = number;
            }
        }
        Ok(())
    }
}
