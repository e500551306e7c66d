//! Makes the known logs: several lives of a server each, ended by clean stops and kills, with copies of the data folder at the
//! end of each life and in the middle of it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use serde::Deserialize;
use serde_json::json;

use super::known_log::{FolderCopy, KnownEvent, KnownLog, SMALL_COUNT, SMALL_PREFIX, copy_folder, seq_of};
use super::readers::{Item, Selector, Start, poll};
use super::start::{RunningServer, Started, start};
use crate::http::Connection;

/// What sets a log apart.
struct Shape {
    lives: usize,
    /// Batches between two copies, of which each life has two.
    batches: usize,
    /// Most bytes of an event.
    max_bytes: usize,
    /// Least bytes of an event.
    min_bytes: usize,
    wide_topics: usize,
    small_topics: usize,
}

/// A log of a few pages, one of many, and one whose write-ahead log is used anew within a life.
const SHAPES: [Shape; 3] = [
    Shape { lives: 5, batches: 30, min_bytes: 10, max_bytes: 300, wide_topics: 3, small_topics: 1 },
    Shape { lives: 6, batches: 60, min_bytes: 10, max_bytes: 100_000, wide_topics: 6, small_topics: 2 },
    Shape { lives: 1, batches: 150, min_bytes: 40_000, max_bytes: 100_000, wide_topics: 1, small_topics: 3 },
];
/// Most events of a batch.
const MAX_BATCH: usize = 20;
/// What texts are made of: line ends and characters that JSON escapes among them.
const CHARS: [char; 11] = ['a', 'b', 'c', ' ', '\n', '"', '\\', ':', 'ä', '✓', '😀'];

/// The answer to a batch.
#[derive(Deserialize)]
struct BatchReceipt {
    ids: Ids,
    count: usize,
}

#[derive(Deserialize)]
struct Ids {
    first: String,
}

/// The settings that every server of the test has.
pub(super) fn write_settings(file: &Path) -> Result<()> {
    let text = format!(
        "[[topic]]\npattern = \"{SMALL_PREFIX}*\"\nretention = {{ count = {SMALL_COUNT} }}\n\n[limits]\ndisk_free = \"off\"\n"
    );
    Ok(fs::write(file, text)?)
}

/// The logs in this folder, made if they are not there.
pub(super) async fn known_logs(folder: &Path, settings: &Path, seed: u64) -> Result<Vec<KnownLog>> {
    let mut logs = Vec::new();
    for (nth, shape) in SHAPES.iter().enumerate() {
        let place = folder.join(format!("log-{nth}"));
        let known = match KnownLog::load(&place)? {
            Some(known) => known,
            None => {
                let random = Rng::with_seed(seed.wrapping_add(nth as u64));
                Builder::new(shape, random, &place, settings)?
                    .build()
                    .await
                    .context("building the known logs")?
            }
        };
        let copies = known.copies.len();
        println!("log {nth}             {:>10} events, {copies} copies", known.events.len());
        logs.push(known);
    }
    Ok(logs)
}

/// Publishes, and writes down what is acknowledged.
struct Builder<'a> {
    shape: &'a Shape,
    random: Rng,
    log: KnownLog,
    settings: &'a Path,
}

impl<'a> Builder<'a> {
    fn new(shape: &'a Shape, random: Rng, folder: &Path, settings: &'a Path) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let log = KnownLog { folder: folder.to_owned(), ..KnownLog::default() };
        Ok(Self { shape, random, log, settings })
    }

    async fn build(mut self) -> Result<KnownLog> {
        let data = self.log.folder.join("data");
        for life in 0..self.shape.lives {
            let log = self.log.folder.join("stderr.txt");
            let Started::Listening(mut server) = start(&data, self.settings, &log).await? else {
                bail!("the server does not start on an undamaged folder");
            };
            self.publish_batches(&server).await?;
            server.paused(|| self.copy(&data, "paused")).await?;
            self.publish_batches(&server).await?;
            server.check()?;
            // The last life is killed, so that its write-ahead log is there.
            if life % 2 == 1 {
                server.terminate().await?;
                self.copy(&data, "stopped")?;
            } else {
                server.kill().await?;
                self.copy(&data, "killed")?;
            }
        }
        fs::remove_dir_all(&data)?;
        self.log.store()?;
        Ok(self.log)
    }

    fn copy(&mut self, data: &Path, moment: &str) -> Result<()> {
        let name = format!("copy-{}-{moment}", self.log.copies.len());
        copy_folder(data, &self.log.folder.join(&name))?;
        self.log.copies.push(FolderCopy { name, batches: self.log.batch_ends.len() });
        Ok(())
    }

    async fn publish_batches(&mut self, server: &RunningServer) -> Result<()> {
        let (mut connection, before) = (Connection::open(&server.address).await?, self.log.events.len());
        for _ in 0..self.shape.batches {
            if self.random.u8(..5) == 0 {
                self.publish_batch(&mut connection).await?;
            } else {
                self.publish_single(&mut connection).await?;
            }
            self.log.batch_ends.push(self.log.events.len());
        }
        self.read_times(&server.address, before).await
    }

    async fn publish_single(&mut self, connection: &mut Connection) -> Result<()> {
        let number = self.log.events.len();
        let mut event = self.event(number);
        event.key = (self.random.u8(..4) == 0).then(|| format!("key-{number}"));
        event.id = connection
            .publish_as(&event.topic, &event.event_type, event.key.as_deref(), event.data.as_bytes())
            .await?;
        self.log.events.push(event);
        Ok(())
    }

    async fn publish_batch(&mut self, connection: &mut Connection) -> Result<()> {
        let mut lines = String::new();
        let mut events = Vec::new();
        let count = self.random.usize(2..=if self.shape.min_bytes > 1000 { 3 } else { MAX_BATCH });
        for nth in 0..count {
            let event = self.event(self.log.events.len() + nth);
            let line = json!({ "topic": event.topic, "event": event.event_type, "data": event.data });
            writeln!(lines, "{line}")?;
            events.push(event);
        }
        let request = connection.post_request("/topics", "application/x-ndjson", lines.as_bytes());
        let receipt: BatchReceipt = connection.exchange(&request).await?.expect_ok()?.json()?;
        ensure!(receipt.count == count, "{} of {count} events were stored", receipt.count);
        let (epoch, first) = receipt.ids.first.rsplit_once('-').context("an id without a seq")?;
        let first: u64 = first.parse()?;
        for (seq, event) in (first..).zip(events) {
            self.log.events.push(KnownEvent { id: format!("{epoch}-{seq}"), ..event });
        }
        Ok(())
    }

    /// An event, without an id. No two have the same data.
    fn event(&mut self, number: usize) -> KnownEvent {
        let small = self.random.usize(..self.shape.wide_topics + self.shape.small_topics);
        let topic = match small.checked_sub(self.shape.wide_topics) {
            Some(small) => format!("{SMALL_PREFIX}{small}"),
            None => format!("wide/{small}"),
        };
        let data = format!("{number} {}", self.text());
        let event_type = if self.random.bool() { "message" } else { "sample" }.to_owned();
        KnownEvent { id: String::new(), topic, event_type, data, time: None, key: None }
    }

    /// Mostly short, now and then long.
    fn text(&mut self) -> String {
        let Shape { min_bytes, max_bytes, .. } = *self.shape;
        let is_long = min_bytes > 1000 || self.random.u8(..50) == 0;
        let max = if is_long { max_bytes } else { max_bytes >> self.random.u32(4..13) };
        let bytes = self.random.usize(min_bytes..=max.max(min_bytes + 2));
        let mut text = String::with_capacity(bytes);
        while text.len() < bytes {
            text.push(self.random.choice(CHARS).unwrap_or(' '));
        }
        text
    }

    /// Reads the newest events, for their times. They are what was published.
    async fn read_times(&mut self, address: &str, before: usize) -> Result<()> {
        let last = before.checked_sub(1).and_then(|last| self.log.events.get(last));
        let after = last.map_or(Start::Earliest, |event| Start::After(event.id.clone()));
        for item in poll(address, &Selector::All, &after, 1000).await? {
            let Item::Event(read) = item else { continue };
            let known = self.log.events.iter_mut().skip(before).find(|known| known.id == read.id);
            let known = known.with_context(|| format!("nobody published {}", read.id))?;
            known.time.clone_from(&read.time);
            ensure!(
                known.seq() == seq_of(&read.id).unwrap_or(0) && known.data == read.data,
                "{} differs",
                read.id
            );
        }
        Ok(())
    }
}
