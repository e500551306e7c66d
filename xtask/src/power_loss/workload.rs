//! What is published before the power cuts: single events, batches, new topics, several publishers at once, and enough
//! bytes for a checkpoint, over four runs of one server that is killed or stopped between them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use serde::Deserialize;

use super::trace::{self, Step};
use crate::http::{Connection, PublishReceipt};
use crate::server::{Server, Setup};

/// More than the write-ahead log has before a checkpoint, in events of [`LARGE`] bytes.
const LARGE_EVENTS: usize = 18;
const LARGE: usize = 1_000_000;

/// What was published, and how the server answered.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Topic of each event by its data, which no other one has. Answered or not.
    pub(super) sent: HashMap<String, String>,
    /// Events by the body of the answer that acknowledges them.
    pub(super) answers: HashMap<Vec<u8>, Vec<Acknowledged>>,
}

/// An acknowledged event.
#[derive(Debug, Clone)]
pub(super) struct Acknowledged {
    pub(super) id: String,
    pub(super) topic: String,
    pub(super) data: String,
    pub(super) key: Option<String>,
}

/// A run of the server under strace.
struct Run {
    server: Server,
    connection: Connection,
    trace: PathBuf,
}

#[derive(Deserialize)]
struct BatchReceipt {
    ids: Range,
    count: usize,
}

#[derive(Deserialize)]
struct Range {
    first: String,
}

/// Runs the workload with its data folder in `root`. Returns what was published, and the steps of all runs in order.
pub(super) async fn run(root: &Path, traces: &Path) -> Result<(Ledger, Vec<Step>)> {
    let (mut ledger, mut steps) = (Ledger::default(), Vec::new());
    let start = |nth: u32| Run::start(root, traces.join(nth.to_string()));

    let mut first = start(1).await?;
    first.publish_singles(&mut ledger, 12).await?;
    first.publish_batch(&mut ledger, "power/batch", 20).await?;
    first.publish(&mut ledger, "power/new/topic", 10).await?;
    first.publish_at_once(&mut ledger, 4, 6).await?;
    first.kill_while_publishing(&mut ledger, &mut steps).await?;

    let mut second = start(2).await?;
    second.publish_singles(&mut ledger, 6).await?;
    second.stop(&mut steps).await?;

    let mut third = start(3).await?;
    third.publish_singles(&mut ledger, 4).await?;
    for _ in 0..LARGE_EVENTS {
        third.publish(&mut ledger, "power/large", LARGE).await?;
    }
    third.publish_batch(&mut ledger, "power/batch", 20).await?;
    third.publish_at_once(&mut ledger, 4, 3).await?;
    third.kill_while_publishing(&mut ledger, &mut steps).await?;

    let mut fourth = start(4).await?;
    fourth.publish_singles(&mut ledger, 4).await?;
    fourth.stop(&mut steps).await?;
    Ok((ledger, steps))
}

/// Words of a command that runs a program under strace, which stays in the background.
pub(super) fn strace(output: &Path) -> Vec<String> {
    let limit = trace::MAX_STRING.to_string();
    let output = output.to_string_lossy();
    // -D: the program keeps its process id; -f: with its threads; -y: descriptors with their files.
    let words =
        ["strace", "-D", "-f", "--seccomp-bpf", "-q", "-y", "-s", &limit, "-e", trace::CALLS, "-o", &output];
    words.map(str::to_owned).to_vec()
}

impl Run {
    async fn start(root: &Path, trace: PathBuf) -> Result<Self> {
        let env = vec![("SSE_APPS", "none".to_owned())];
        let server =
            Server::start_as(&root.join("data"), Setup { env, wrapper: strace(&trace), ..Setup::default() })?;
        let connection = Connection::open(&server.address).await?;
        Ok(Self { server, connection, trace })
    }

    /// To two topics, every other one with an idempotency key.
    async fn publish_singles(&mut self, ledger: &mut Ledger, count: usize) -> Result<()> {
        for nth in 0..count {
            let topic = if nth % 3 == 0 { "power/one" } else { "power/other" };
            let key = (nth % 2 == 0).then(|| format!("key-{}", ledger.sent.len()));
            publish(&mut self.connection, ledger, topic, 100, key).await?;
        }
        Ok(())
    }

    async fn publish(&mut self, ledger: &mut Ledger, topic: &str, bytes: usize) -> Result<()> {
        publish(&mut self.connection, ledger, topic, bytes, None).await
    }

    async fn publish_batch(&mut self, ledger: &mut Ledger, topic: &str, count: usize) -> Result<()> {
        let all: Vec<String> = (0..count).map(|_| ledger.new_data(topic, 50)).collect();
        let lines: String = all.iter().map(|data| format!("{{\"data\":\"{data}\"}}\n")).collect();
        let response =
            self.connection.post(topic, "application/x-ndjson", lines.as_bytes()).await?.expect_ok()?;
        let receipt: BatchReceipt = response.json()?;
        ensure!(receipt.count == count, "{} of {count} events of a batch are stored", receipt.count);
        let (epoch, first) = parse_id(&receipt.ids.first)?;
        let acknowledged = all.into_iter().zip(first..).map(|(data, seq)| Acknowledged {
            id: format!("{epoch}-{seq}"),
            topic: topic.to_owned(),
            data,
            key: None,
        });
        ledger.answers.insert(response.body, acknowledged.collect());
        Ok(())
    }

    /// From several connections, so that one is answered while the next is written.
    async fn publish_at_once(&mut self, ledger: &mut Ledger, publishers: usize, events: usize) -> Result<()> {
        let mut parts = Vec::new();
        for nth in 0..publishers {
            let topic = format!("power/at-once/{nth}");
            let data: Vec<String> = (0..events).map(|_| ledger.new_data(&topic, 3000)).collect();
            parts.push((Connection::open(&self.server.address).await?, topic, data));
        }
        let publish = |(mut connection, topic, all): (Connection, String, Vec<String>)| async move {
            let mut answers = Vec::new();
            for data in all {
                answers.push(publish_data(&mut connection, &topic, data, None).await?);
            }
            Ok::<_, anyhow::Error>(answers)
        };
        let answers = try_join_all(parts.into_iter().map(publish)).await?;
        ledger.answers.extend(answers.into_iter().flatten());
        Ok(())
    }

    /// Kills the server while an event is on its way, which may be stored or not.
    async fn kill_while_publishing(mut self, ledger: &mut Ledger, steps: &mut Vec<Step>) -> Result<()> {
        let data = ledger.new_data("power/one", 20_000);
        let publishing = publish_data(&mut self.connection, "power/one", data, None);
        let answer = tokio::time::timeout(Duration::from_millis(2), publishing).await;
        self.server.kill()?;
        if let Ok(answer) = answer {
            ledger.answers.extend([answer?]);
        }
        self.collect(steps).await
    }

    async fn stop(mut self, steps: &mut Vec<Step>) -> Result<()> {
        self.server.terminate().await?;
        self.collect(steps).await
    }

    async fn collect(self, steps: &mut Vec<Step>) -> Result<()> {
        steps.extend(trace::read(&self.trace, self.server.pid()).await?);
        Ok(())
    }
}

impl Ledger {
    /// Data that no other event has.
    fn new_data(&mut self, topic: &str, bytes: usize) -> String {
        let mut data = format!("{} ", self.sent.len());
        data.extend(std::iter::repeat_with(fastrand::alphanumeric).take(bytes));
        self.sent.insert(data.clone(), topic.to_owned());
        data
    }
}

async fn publish(
    connection: &mut Connection,
    ledger: &mut Ledger,
    topic: &str,
    bytes: usize,
    key: Option<String>,
) -> Result<()> {
    let data = ledger.new_data(topic, bytes);
    let answer = publish_data(connection, topic, data, key).await?;
    ledger.answers.extend([answer]);
    Ok(())
}

/// Returns the body of the answer, and what it acknowledges.
async fn publish_data(
    connection: &mut Connection,
    topic: &str,
    data: String,
    key: Option<String>,
) -> Result<(Vec<u8>, Vec<Acknowledged>)> {
    let path = path(topic, key.as_deref());
    let response = connection.post(&path, "text/plain", data.as_bytes()).await?.expect_ok()?;
    let PublishReceipt { id } = response.json()?;
    Ok((response.body, vec![Acknowledged { id, topic: topic.to_owned(), data, key }]))
}

/// Of a request that publishes, with its idempotency key.
pub(super) fn path(topic: &str, key: Option<&str>) -> String {
    key.map_or_else(|| topic.to_owned(), |key| format!("{topic}?key={key}"))
}

/// Epoch and seq.
pub(super) fn parse_id(id: &str) -> Result<(&str, u64)> {
    let (epoch, seq) = id.split_once('-').with_context(|| format!("unexpected id {id}"))?;
    Ok((epoch, seq.parse()?))
}
