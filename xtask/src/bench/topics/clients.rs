//! Clients on a thread of their own that replay events and list topics, as fast as they are answered.

use std::cell::Cell;
use std::rc::Rc;
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use futures_util::future::try_join_all;
use tokio::io::AsyncReadExt;
use tokio::sync::oneshot;

use super::names::{SEGMENTS, name};
use crate::bench::{stamp, stream};
use crate::http::Connection;

/// Bytes of a read from an event stream.
const BUFFER: usize = 64 << 10;
/// Events that a client reads of a stream before it opens the next.
const REPLAYED: usize = 10_000;

/// What a client asks for, again and again.
#[derive(Debug, Clone, Copy)]
enum Request {
    /// Pages of every topic, from an old id on.
    Poll,
    /// The newest events of every topic.
    Newest,
    /// Events of many topics, from an old id on.
    Below,
    /// The first topics by name.
    List,
    /// Pages of topics below a prefix.
    ListBelow,
    /// The topics with the newest events.
    ListNewest,
}

pub(super) const KINDS: usize = 6;
const REQUESTS: [Request; KINDS] =
    [Request::Poll, Request::Newest, Request::Below, Request::List, Request::ListBelow, Request::ListNewest];
/// For the report.
pub(super) const NAMES: [&str; KINDS] =
    ["poll pages", "newest events", "replays", "lists", "lists below a prefix", "newest topics"];

/// Answers that were read whole, by kind.
pub(super) type Answers = [u64; KINDS];

/// What all clients know.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) address: String,
    pub(super) topics: usize,
    /// Before the events of all topics.
    pub(super) old_id: String,
}

/// Running clients. They stop when this is dropped.
pub(super) struct Clients {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<Answers>>,
}

impl Clients {
    pub(super) fn start(count: usize, source: Source) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let answers: [Rc<Cell<u64>>; KINDS] = Default::default();
            let clients = REQUESTS.iter().zip(&answers).cycle().take(count);
            let all = try_join_all(clients.map(|(request, answers)| request.repeat(&source, answers)));
            runtime.block_on(async {
                tokio::select! {
                    ended = all => ended.map(drop),
                    // An error means that the owner is gone, which is the same.
                    _ = stopped => Ok(()),
                }
            })?;
            Ok(answers.map(|answers| answers.get()))
        });
        Ok(Self { stop, thread })
    }

    /// # Errors
    /// When one of them was refused.
    pub(super) fn stop(self) -> Result<Answers> {
        drop(self.stop);
        self.thread.join().map_err(|_| anyhow!("a client panicked"))?
    }
}

impl Request {
    /// Ends only with an error.
    async fn repeat(self, source: &Source, answers: &Cell<u64>) -> Result<()> {
        let mut connection = Connection::open(&source.address).await?;
        let mut next = None;
        loop {
            let path = self.path(source, next.as_deref());
            let one = async {
                match self {
                    Self::Newest | Self::Below => {
                        replay(source, &path, self.events(source)).await.map(|()| None)
                    }
                    Self::Poll | Self::List | Self::ListBelow | Self::ListNewest => {
                        Ok(next_of(&connection.get(&path).await?.expect_ok()?.body))
                    }
                }
            };
            next = one.await.with_context(|| format!("GET {path}"))?;
            answers.set(answers.get() + 1);
        }
    }

    /// `next` is from the answer before, without one it begins anew.
    fn path(self, source: &Source, next: Option<&str>) -> String {
        let old_id = &source.old_id;
        match self {
            Self::Poll => {
                format!("/poll?topic=*&timeout=0&limit=1000&after={}", next.unwrap_or(old_id))
            }
            Self::Newest => format!("/events?topic=*&last={}", self.events(source)),
            Self::Below => format!("/events?topic={}*&last_event_id={old_id}", prefix()),
            Self::List => "/topics?limit=10000".to_owned(),
            Self::ListBelow => {
                let after = next.map(|next| format!("&after={next}")).unwrap_or_default();
                format!("/topics?prefix={}{after}", prefix())
            }
            Self::ListNewest => "/topics?order=newest".to_owned(),
        }
    }

    /// Events that a stream has for sure.
    fn events(self, source: &Source) -> usize {
        let all = if matches!(self, Self::Below) { source.topics / SEGMENTS } else { source.topics };
        all.clamp(1, REPLAYED)
    }
}

/// The first segment of a quarter or less of the topics.
fn prefix() -> String {
    name(3).split_inclusive('/').take(1).collect()
}

/// Reads so many events of a new stream.
async fn replay(source: &Source, path: &str, events: usize) -> Result<()> {
    let mut reader = stream::connect(&source.address).await?;
    stream::request(&mut reader, &source.address, path, "").await?;
    let (mut seen, mut buffer) = (0, vec![0; BUFFER]);
    while seen < events as u64 {
        let count = reader.read(&mut buffer).await?;
        let bytes = buffer.get(..count).filter(|bytes| !bytes.is_empty());
        seen += stamp::count(bytes.with_context(|| format!("the stream ended after {seen} events"))?);
    }
    Ok(())
}

/// `next` of a page that is not the last one. Not by parsing JSON, which would take the server's time.
fn next_of(body: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\"next\":\"";
    let is_last = body.starts_with(b"{\"events\":[]");
    let at = memchr::memmem::rfind(body, KEY).filter(|_| !is_last)?;
    let value = str::from_utf8(body.get(at + KEY.len()..)?).ok()?;
    Some(value.split('"').next()?.to_owned())
}
