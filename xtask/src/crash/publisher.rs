//! One publisher of a crash test: bursts of events, each waiting for its acknowledgement. Never repeats an event.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::ledger::{self, Ledger, Payload, TOPICS};
use crate::http::Connection;

/// Events that follow one another without a pause, at most.
const BURST: u64 = 20;
/// Pause before the next attempt to connect.
const RECONNECT: Duration = Duration::from_millis(20);
/// Longest wait for an answer. A server that does not answer is as bad as one that is not there.
const ANSWER: Duration = Duration::from_secs(20);
/// How often the last event of a topic is tried.
const END_ATTEMPTS: usize = 500;

/// What all publishers look at and count in.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) stop: Cell<bool>,
    pub(super) acknowledged: Cell<u64>,
}

/// One publisher.
pub(super) struct Publisher {
    pub(super) number: usize,
    pub(super) address: String,
    /// Mean pause after each event.
    pub(super) pause: Duration,
    pub(super) shared: Rc<Shared>,
}

impl Publisher {
    /// Publishes until it is told to stop.
    pub(super) async fn run(self) -> Ledger {
        let mut ledger = Ledger::default();
        let mut connection = None;
        let mut count = 0;
        while !self.shared.stop.get() {
            let burst = fastrand::u64(1..=BURST);
            for _ in 0..burst {
                let topic = fastrand::usize(..TOPICS);
                count += 1;
                let payload = Payload::Event { topic, publisher: self.number, count };
                self.publish(payload, &mut connection, &mut ledger).await;
                if self.shared.stop.get() {
                    break;
                }
            }
            // A burst of one pauses for the mean, one of ten for ten times that, give or take.
            let pause = self.pause.mul_f64(burst as f64 * 2.0 * fastrand::f64());
            tokio::time::sleep(pause).await;
        }
        ledger
    }

    /// Sends the event once. After a failure nobody knows whether it is stored.
    async fn publish(&self, payload: Payload, connection: &mut Option<Connection>, ledger: &mut Ledger) {
        let Some(open) = self.connected(connection).await else { return };
        ledger.tried.push(payload);
        match acknowledged(open, payload).await {
            Ok(seq) => {
                ledger.acknowledged.push((seq, payload));
                self.shared.acknowledged.set(self.shared.acknowledged.get() + 1);
            }
            Err(_) => *connection = None,
        }
    }

    async fn connected<'a>(&self, connection: &'a mut Option<Connection>) -> Option<&'a mut Connection> {
        while connection.is_none() && !self.shared.stop.get() {
            match Connection::open(&self.address).await {
                Ok(open) => *connection = Some(open),
                Err(_) => tokio::time::sleep(RECONNECT).await,
            }
        }
        connection.as_mut()
    }
}

/// Publishes the last event of every topic.
pub(super) async fn end_topics(address: &str) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    for topic in 0..TOPICS {
        let payload = Payload::End { topic };
        ledger.tried.push(payload);
        ledger.acknowledged.push((end(address, payload).await?, payload));
    }
    Ok(ledger)
}

/// The server is up by now; its port may be taken by connections for a moment.
async fn end(address: &str, payload: Payload) -> Result<u64> {
    let mut attempts = END_ATTEMPTS;
    let mut connection = loop {
        match Connection::open(address).await {
            Ok(connection) => break connection,
            Err(error) if attempts == 0 => return Err(error).context("cannot publish the last events"),
            Err(_) => attempts -= 1,
        }
        tokio::time::sleep(RECONNECT).await;
    };
    acknowledged(&mut connection, payload).await
}

async fn acknowledged(connection: &mut Connection, payload: Payload) -> Result<u64> {
    let (topic, data) = (ledger::topic(payload.topic()), payload.to_string());
    let id = tokio::time::timeout(ANSWER, connection.publish(&topic, data.as_bytes())).await??;
    ledger::seq(&id)
}
