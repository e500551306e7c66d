//! One reader whose first connection fails at one byte: publishes to a topic of its own and compares what the reader
//! receives.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sse_client::reqwest::Client;
use sse_client::{EventId, EventSource, HubBlock, Signal};
use tokio::sync::watch;

use super::proxy::{Fault, FaultProxy, Position};
use crate::http::Connection;

/// What each reader has to receive, and after that [`END`]. The last is found in the answer as it stands here.
const EVENTS: [&str; 3] = ["first", "zwei\n\n: 2 ✓", "last"];
/// Published on the second connection.
const END: &str = "end";

/// More than an answer with these events has. A position past its last event is the end of that.
pub(super) const ANSWER_BYTES: usize = 800;
/// Pause before a reconnect that the server gave no hint for.
const RETRY: Duration = Duration::from_millis(100);
/// Longest time of one case on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// How a reader begins, and which ids it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Reader {
    /// Has an id. All events come from the log.
    Resumes,
    /// Has none. All events come live.
    New,
    /// Has none, and ignores ids in blocks without data, as Firefox does.
    NewAndIgnoresBareIds,
}

/// One reader and its fault.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) number: usize,
    pub(super) reader: Reader,
    pub(super) fault: Fault,
    pub(super) position: Position,
}

/// What all cases share.
pub(super) struct Shared {
    /// Of the server.
    pub(super) address: String,
    pub(super) client: Client,
    /// How many readers have received the last event.
    pub(super) have_last: watch::Sender<usize>,
    /// False while the server is down.
    pub(super) up: watch::Sender<bool>,
}

impl Shared {
    /// On a connection of its own: the server closes one that is idle.
    async fn publish(&self, topic: &str, events: &[&str]) -> Result<()> {
        let mut publisher = Connection::open(&self.address).await?;
        for data in events {
            publisher.publish(topic, data.as_bytes()).await?;
        }
        Ok(())
    }
}

impl Case {
    /// # Errors
    /// When an event is lost, doubled, torn or out of order.
    pub(super) async fn run(&self, shared: &Shared) -> Result<()> {
        let outcome = tokio::time::timeout(DEADLINE, self.read(shared)).await;
        outcome.context("the last event did not come").flatten().with_context(|| format!("{self:?}"))
    }

    async fn read(&self, shared: &Shared) -> Result<()> {
        let (topic, mut id) = (format!("faults/{:06}", self.number), None);
        if self.reader == Reader::Resumes {
            id = Some(Connection::open(&shared.address).await?.publish(&topic, b"before").await?);
            shared.publish(&topic, &EVENTS).await?;
        }
        let [.., last] = EVENTS;
        let proxy = FaultProxy::start(&shared.address, self.fault, self.position, last).await?;
        let serve = async {
            let publish = async {
                proxy.greeted.notified().await;
                let live: &[&str] = if self.reader == Reader::Resumes { &[] } else { &EVENTS };
                shared.publish(&topic, live).await
            };
            let (published, failed) = tokio::join!(publish, proxy.fail_first());
            published.and(failed.map_err(anyhow::Error::from))?;
            shared.up.subscribe().wait_for(|up| *up).await?;
            proxy.pass().await.context("the proxy ended")
        };
        let received = tokio::select! {
            received = self.receive(shared, &proxy, &topic, id) => received?,
            ended = serve => return ended,
        };
        let expected = [EVENTS.as_slice(), &[END]].concat();
        // A new reader that no greeting has reached begins anew.
        let may_miss = self.reader != Reader::Resumes && !proxy.greeting_passed.get();
        let is_exact = if may_miss { expected.ends_with(&strs(&received)) } else { received == expected };
        ensure!(is_exact, "received {received:?}");
        let forwarded = proxy.forwarded.get();
        ensure!(forwarded <= ANSWER_BYTES, "the answer has {forwarded} bytes: raise the number of positions");
        Ok(())
    }

    /// All data up to the end.
    async fn receive(
        &self,
        shared: &Shared,
        proxy: &FaultProxy,
        topic: &str,
        mut id: Option<String>,
    ) -> Result<Vec<String>> {
        let url = format!("http://{}/events?topic={topic}", proxy.address()?);
        let mut source = self.open(shared, &url, id.as_deref())?;
        let (mut received, mut end_published) = (Vec::new(), false);
        while received.last().is_none_or(|data| data != END) {
            match source.next().await.context("the event source ended")? {
                Signal::Opened(_) if proxy.passed.get() > 0 && !end_published => {
                    shared.publish(topic, &[END]).await?;
                    end_published = true;
                }
                Signal::Event(event) => {
                    id = Some(event.last_event_id().to_owned());
                    if event.hub() == Some(HubBlock::Greeting) {
                        continue;
                    }
                    received.push(event.into_data());
                    if received.len() == EVENTS.len() {
                        shared.have_last.send_modify(|count| *count += 1);
                    }
                }
                Signal::Closed(_) if self.reader == Reader::NewAndIgnoresBareIds => {
                    tokio::time::sleep(RETRY).await;
                    source = self.open(shared, &url, id.as_deref())?;
                }
                Signal::Closed(reason) => bail!("the stream ended for good: {reason}"),
                Signal::Dropped(error) => bail!(error),
                _ => {}
            }
        }
        Ok(received)
    }

    fn open(&self, shared: &Shared, url: &str, id: Option<&str>) -> Result<EventSource> {
        let mut builder = EventSource::builder(url).client(shared.client.clone()).reconnect_delay(RETRY);
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            builder = builder.last_event_id(EventId::new(id)?);
        }
        if self.reader == Reader::NewAndIgnoresBareIds {
            // Each connection is opened here, with the id of the last event.
            builder = builder.max_reconnects(0);
        }
        Ok(builder.build()?)
    }
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}
