//! The server under test with its topics: makes, counts and restarts them. Runs on all cores, as the load does.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tempfile::TempDir;

use super::names::{BATCH, lines};
use crate::http::Connection;
use crate::server::{Server, Setup};
use crate::shell;

/// The first topics, which take the events that push others out of memory.
pub(super) const FILL_TOPICS: usize = 8;
/// After a batch is answered, memory that it took is still being given back.
const SETTLE: Duration = Duration::from_millis(500);

/// A server and the folder of its log.
pub(super) struct Hub {
    pub(super) server: Server,
    /// Topics that were made. Their names are those of the numbers below this.
    pub(super) topics: usize,
    data: TempDir,
}

/// How a server ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Kill,
    Stop,
}

/// The response to a batch.
#[derive(Debug, Deserialize)]
pub(super) struct BatchReceipt {
    pub(super) ids: Ids,
}

/// Ids of a batch.
#[derive(Debug, Deserialize)]
pub(super) struct Ids {
    pub(super) last: String,
}

impl Hub {
    pub(super) fn start() -> Result<Self> {
        Self::start_with("")
    }

    /// With this settings file.
    pub(super) fn start_with(settings: &str) -> Result<Self> {
        let data = shell::scratch_folder("bench")?;
        let file = data.path().join("settings.toml");
        fs::write(&file, settings)?;
        let args = vec!["--config".to_owned(), file.to_string_lossy().into_owned()];
        let server = Server::start_as(data.path(), setup(args))?;
        Ok(Self { server, topics: 0, data })
    }

    /// The same with these topics, each with an event, and memory for the newest events filled as in [`Self::fill`].
    pub(super) async fn with_topics(topics: usize, fill: usize) -> Result<Self> {
        let mut hub = Self::start()?;
        hub.fill(fill).await?;
        hub.make(topics).await?;
        Ok(hub)
    }

    pub(super) async fn connect(&self) -> Result<Connection> {
        Connection::open(&self.server.address).await
    }

    /// Publishes so many events to the first topics, so that the server holds as many of the newest in memory as it
    /// ever does. Gives the last id.
    pub(super) async fn fill(&self, events: usize) -> Result<String> {
        let mut connection = self.connect().await?;
        let mut id = None;
        for from in (0..events.max(1)).step_by(BATCH) {
            let batch = lines((from..events.max(1).min(from + BATCH)).map(|nth| nth % FILL_TOPICS));
            id = Some(publish(&mut connection, &batch).await?);
        }
        id.context("nothing was published")
    }

    /// Makes these topics.
    pub(super) async fn make(&mut self, topics: usize) -> Result<()> {
        let mut connection = self.connect().await?;
        for from in (0..topics).step_by(BATCH) {
            publish(&mut connection, &lines(from..topics.min(from + BATCH))).await?;
        }
        self.topics = topics;
        self.check().await
    }

    /// Topics that the server counts.
    pub(super) async fn count(&self) -> Result<usize> {
        #[derive(Deserialize)]
        struct Info {
            topics: usize,
        }
        Ok(self.connect().await?.get("/hub").await?.expect_ok()?.json::<Info>()?.topics)
    }

    /// # Errors
    /// When the server counts another number of topics than were made.
    pub(super) async fn check(&self) -> Result<()> {
        let count = self.count().await?;
        ensure!(count == self.topics, "the server has {count} topics, {} were made", self.topics);
        Ok(())
    }

    /// Ends it and starts it again. Returns the time from its start to its first answer.
    pub(super) async fn restart(&mut self, end: End) -> Result<Duration> {
        match end {
            End::Kill => self.server.kill()?,
            End::Stop => self.server.terminate().await?,
        }
        let file = self.data.path().join("settings.toml");
        let args = vec!["--config".to_owned(), file.to_string_lossy().into_owned()];
        let start = Instant::now();
        self.server = Server::start_as(self.data.path(), setup(args))?;
        self.check().await?;
        Ok(start.elapsed())
    }

    /// Resident memory in bytes, when what the last requests took is given back.
    pub(super) async fn settled_bytes(&self) -> Result<f64> {
        tokio::time::sleep(SETTLE).await;
        Ok(self.server.resident_bytes()? as f64)
    }

    /// Bytes of its files.
    pub(super) fn disk_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        for file in fs::read_dir(self.data.path())? {
            bytes += file?.metadata()?.len();
        }
        Ok(bytes)
    }
}

/// Publishes a batch over several topics. Gives its last id.
pub(super) async fn publish(connection: &mut Connection, ndjson: &str) -> Result<String> {
    let request = connection.post_request("/topics", "application/x-ndjson", ndjson.as_bytes());
    Ok(connection.exchange(&request).await?.expect_ok()?.json::<BatchReceipt>()?.ids.last)
}

fn setup(args: Vec<String>) -> Setup {
    Setup { args, env: vec![("SSE_APPS", "none".to_owned())], ..Setup::default() }
}
