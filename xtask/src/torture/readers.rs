//! Readers of three kinds: history and long-poll, page by page, and event streams. Each gives what it received; whether that is
//! right is for others to say.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use sse_core::{Decoder, Event, HubBlock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::fault::Fault;
use super::known_log::KnownEvent;
use crate::http::Connection;

/// Longest time of one reader.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);
/// Pause before a reader whose stream has ended comes back.
const RECONNECT: Duration = Duration::from_millis(100);

/// Which topics a reader asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selector {
    All,
    Topic(String),
}

/// Where a reader begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    Earliest,
    /// Behind the event with this id.
    After(String),
}

/// What a reader receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Event(KnownEvent),
    /// With its reason.
    Gap(String),
}

#[derive(Deserialize)]
struct Page {
    events: Vec<PageEvent>,
    next: String,
    gap: Option<PageGap>,
}

#[derive(Deserialize)]
struct PageEvent {
    id: String,
    topic: String,
    event: String,
    data: String,
    time: String,
}

#[derive(Deserialize)]
struct PageGap {
    reason: String,
}

impl Selector {
    pub(super) fn matches(&self, topic: &str) -> bool {
        match self {
            Self::All => true,
            Self::Topic(name) => name == topic,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::All => "*",
            Self::Topic(name) => name,
        }
    }
}

impl Start {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Earliest => "earliest",
            Self::After(id) => id,
        }
    }
}

/// The history of a topic, in pages of `limit` events.
pub(super) async fn history(address: &str, topic: &str, start: &Start, limit: usize) -> Result<Vec<Item>> {
    pages(address, &format!("/topics/{topic}?limit={limit}"), start).await
}

/// The same by long-poll, which does not wait.
pub(super) async fn poll(
    address: &str,
    selector: &Selector,
    start: &Start,
    limit: usize,
) -> Result<Vec<Item>> {
    pages(address, &format!("/poll?topic={}&timeout=0&limit={limit}", selector.as_str()), start).await
}

async fn pages(address: &str, path: &str, start: &Start) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    let read = timeout(DEADLINE, all_pages(address, path, start, &mut items)).await;
    read.unwrap_or_else(|_| Err(stuck(path, &items)))?;
    Ok(items)
}

/// Until a page has nothing to tell.
async fn all_pages(address: &str, path: &str, start: &Start, items: &mut Vec<Item>) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    let mut after = start.as_str().to_owned();
    loop {
        let response = connection.get(&format!("{path}&after={after}")).await?;
        if response.status != 200 {
            let said = String::from_utf8_lossy(&response.body);
            return Err(Fault::new("reading is refused", format!("{path} after {after}: {said}")).into());
        }
        let page: Page = response.json()?;
        if page.events.is_empty() && page.gap.is_none() {
            return Ok(());
        }
        if page.next == after {
            return Err(Fault::new("a page leads to itself", format!("{path} after {after}")).into());
        }
        items.extend(page.gap.map(|gap| Item::Gap(gap.reason)));
        items.extend(page.events.into_iter().map(|event| Item::Event(event.into())));
        after = page.next;
    }
}

impl From<PageEvent> for KnownEvent {
    fn from(PageEvent { id, topic, event, data, time }: PageEvent) -> Self {
        Self { id, topic, event_type: event, data, time: Some(time), key: None }
    }
}

/// A reader of `GET /events`.
pub(super) struct StreamReader<'a> {
    pub(super) address: &'a str,
    pub(super) selector: &'a Selector,
    /// Id of the last event that will come.
    pub(super) until: &'a str,
    /// The connection is dropped after so many items, once.
    pub(super) drop_after: Option<usize>,
    items: Vec<Item>,
}

impl<'a> StreamReader<'a> {
    pub(super) fn new(address: &'a str, selector: &'a Selector, until: &'a str) -> Self {
        Self { address, selector, until, drop_after: None, items: Vec::new() }
    }

    /// Reads until the last event has come, and resumes whenever the stream ends.
    pub(super) async fn read(mut self, start: &Start) -> Result<Vec<Item>> {
        let selector = self.selector.as_str();
        match timeout(DEADLINE, self.read_on(start.clone())).await {
            Ok(read) => read?,
            Err(_) => return Err(stuck(&format!("the stream of {selector}"), &self.items)),
        }
        Ok(self.items)
    }

    async fn read_on(&mut self, mut place: Start) -> Result<()> {
        loop {
            let mut socket = self.connect(&place).await?;
            if self.read_connection(&mut socket, &mut place).await? {
                return Ok(());
            }
            drop(socket);
            tokio::time::sleep(RECONNECT).await;
        }
    }

    /// Over HTTP/1.0, whose bodies have no chunks.
    async fn connect(&self, place: &Start) -> Result<TcpStream> {
        let (address, selector) = (self.address, self.selector.as_str());
        let mut socket = TcpStream::connect(address).await?;
        let (parameter, header) = match place {
            Start::Earliest => ("&last_event_id=earliest", String::new()),
            Start::After(id) => ("", format!("Last-Event-ID: {id}\r\n")),
        };
        let request =
            format!("GET /events?topic={selector}{parameter} HTTP/1.0\r\nHost: {address}\r\n{header}\r\n");
        socket.write_all(request.as_bytes()).await?;
        Ok(socket)
    }

    /// Reads one connection. `false` when it has ended before the last event came; `place` is then where it got to.
    async fn read_connection(&mut self, socket: &mut TcpStream, place: &mut Start) -> Result<bool> {
        let mut buffer = Vec::with_capacity(64 << 10);
        let body = loop {
            if let Some(at) = memchr::memmem::find(&buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if socket.read_buf(&mut buffer).await? == 0 {
                return Ok(false);
            }
        };
        let head = String::from_utf8_lossy(buffer.get(..body).unwrap_or_default()).into_owned();
        if head.split(' ').nth(1) != Some("200") {
            return Err(Fault::new(
                "reading is refused",
                format!("the stream after {}: {head}", place.as_str()),
            )
            .into());
        }
        buffer.drain(..body);
        let mut decoder = Decoder::new();
        loop {
            if let Some(done) = self.take(&mut decoder, &buffer, place)? {
                return Ok(done);
            }
            buffer.clear();
            if socket.read_buf(&mut buffer).await? == 0 {
                return Ok(false);
            }
        }
    }

    /// Takes what has arrived. `None` when the connection goes on, else whether the last event has come.
    fn take(&mut self, decoder: &mut Decoder, arrived: &[u8], place: &mut Start) -> Result<Option<bool>> {
        let mut events = decoder.feed(arrived);
        while let Some(event) = events.next() {
            let event = event.map_err(|error| Fault::new("not an event", error.to_string()))?;
            let Some(item) = item(&event)? else { continue };
            let is_last = matches!(&item, Item::Event(event) if event.id == self.until);
            self.items.push(item);
            if is_last {
                return Ok(Some(true));
            }
            if self.drop_after.take_if(|count| *count == self.items.len()).is_some() {
                *place = Start::After(events.last_event_id().to_owned());
                return Ok(Some(false));
            }
        }
        if !decoder.last_event_id().is_empty() {
            *place = Start::After(decoder.last_event_id().to_owned());
        }
        Ok(None)
    }
}

/// `None` for a greeting.
fn item(event: &Event) -> Result<Option<Item>> {
    match event.hub() {
        Some(HubBlock::Gap) => {
            let gap: PageGap = serde_json::from_str(event.data()).context("an unreadable gap")?;
            Ok(Some(Item::Gap(gap.reason)))
        }
        Some(_) => Ok(None),
        None => Ok(Some(Item::Event(KnownEvent {
            id: event.id().map(|id| id.as_str().to_owned()).unwrap_or_default(),
            topic: event.topic().unwrap_or_default().to_owned(),
            event_type: event
                .event_type()
                .map_or_else(|| "message".to_owned(), |name| name.as_str().to_owned()),
            data: event.data().to_owned(),
            time: event.time().map(str::to_owned),
            key: None,
        }))),
    }
}

fn stuck(what: &str, items: &[Item]) -> anyhow::Error {
    let last = items.iter().rev().find_map(|item| match item {
        Item::Event(event) => Some(event.id.as_str()),
        Item::Gap(_) => None,
    });
    let detail = format!("{what} after {} items, the last event {}", items.len(), last.unwrap_or("none"));
    Fault::new("reader stuck", detail).into()
}
