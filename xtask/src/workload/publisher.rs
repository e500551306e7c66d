//! One publisher: bursts of events, each waiting for its acknowledgement, across failures of hub and network.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use sse_core::RecordId;

use super::ledger::Ledger;
use super::payload::{self, EVENT_TYPE, Payload, TOPICS};
use crate::http::Connection;

/// Pause before the next attempt. Fixed and short, so that a restarted hub is under load at once.
const RETRY: Duration = Duration::from_millis(20);

/// What all publishers watch and count in.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) stop: Cell<bool>,
    pub(crate) acknowledged: Cell<u64>,
}

/// What a publisher does when no answer comes. It cannot know whether the event is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Goes on with the next event.
    AtMostOnce,
    /// Sends the event again under its idempotency key until it is acknowledged.
    AtLeastOnce,
}

/// One publisher.
pub(crate) struct Publisher {
    pub(crate) number: usize,
    pub(crate) address: String,
    pub(crate) delivery: Delivery,
    /// Events that follow one another without a pause, at most.
    pub(crate) max_burst: u32,
    /// Mean pause for each event.
    pub(crate) pause: Duration,
    pub(crate) shared: Rc<Shared>,
}

impl Publisher {
    /// Publishes until it is told to stop.
    pub(crate) async fn run(self) -> Ledger {
        let mut outgoing = Outgoing::new(&self.address);
        let mut count = 0;
        while !self.shared.stop.get() {
            let burst = fastrand::u32(1..=self.max_burst);
            for _ in 0..burst {
                count += 1;
                let topic = fastrand::usize(..TOPICS);
                let payload = Payload::Event { topic, publisher: self.number, count };
                let acknowledged = match self.delivery {
                    Delivery::AtMostOnce => outgoing.send_once(payload, &self.shared).await,
                    Delivery::AtLeastOnce => outgoing.send_until_acknowledged(payload).await,
                };
                self.shared.acknowledged.set(self.shared.acknowledged.get() + u64::from(acknowledged));
                if self.shared.stop.get() {
                    break;
                }
            }
            // A burst of one pauses for the mean, one of ten for ten times that, give or take.
            tokio::time::sleep(self.pause.mul_f64(f64::from(burst) * 2.0 * fastrand::f64())).await;
        }
        outgoing.ledger
    }
}

/// Publishes the last event of every topic. Does not give up; the caller has a deadline.
pub(crate) async fn publish_ends(address: &str) -> Ledger {
    let mut outgoing = Outgoing::new(address);
    for topic in 0..TOPICS {
        outgoing.send_until_acknowledged(Payload::End { topic }).await;
    }
    outgoing.ledger
}

/// A connection that is opened again after each failure, and what went over it.
struct Outgoing<'a> {
    address: &'a str,
    connection: Option<Connection>,
    ledger: Ledger,
}

impl<'a> Outgoing<'a> {
    fn new(address: &'a str) -> Self {
        Self { address, connection: None, ledger: Ledger::default() }
    }

    /// Without a key. Returns whether it was acknowledged.
    async fn send_once(&mut self, payload: Payload, shared: &Shared) -> bool {
        // No hub, nothing sent.
        while self.connection().await.is_err() {
            if shared.stop.get() {
                return false;
            }
            tokio::time::sleep(RETRY).await;
        }
        self.ledger.sent.push(payload);
        self.send(payload, None, Duration::from_secs(20)).await
    }

    async fn send_until_acknowledged(&mut self, payload: Payload) -> bool {
        self.ledger.sent.push(payload);
        let key = payload.key();
        while !self.send(payload, Some(&key), Duration::from_secs(3)).await {
            self.ledger.retries += 1;
            tokio::time::sleep(RETRY).await;
        }
        true
    }

    /// A hub that does not answer in time is as bad as one that is not there.
    async fn send(&mut self, payload: Payload, key: Option<&str>, timeout: Duration) -> bool {
        let attempt = async {
            let (topic, data) = (payload::topic(payload.topic()), payload.data());
            let id = self.connection().await?.publish_as(&topic, EVENT_TYPE, key, data.as_bytes()).await?;
            anyhow::Ok(id.parse::<RecordId>()?)
        };
        let Ok(Ok(id)) = tokio::time::timeout(timeout, attempt).await else {
            self.connection = None;
            return false;
        };
        self.ledger.acknowledged.push((id, payload));
        true
    }

    async fn connection(&mut self) -> Result<&mut Connection> {
        if self.connection.is_none() {
            self.connection = Some(Connection::open(self.address).await?);
        }
        self.connection.as_mut().context("it was opened just now")
    }
}
