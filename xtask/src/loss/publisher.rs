//! One publisher of a loss test: one event after the other, each sent under its key until the hub has acknowledged it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;

use super::ledger::{EVENT_TYPE, Ledger, Payload};
use crate::http::Connection;

/// Pause before the next attempt.
const AGAIN: Duration = Duration::from_millis(20);
/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(3);

/// What all publishers look at.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) stop: Cell<bool>,
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
        for count in 0.. {
            if self.shared.stop.get() {
                break;
            }
            let payload = Payload { publisher: self.number, count };
            bring(&self.address, &mut connection, payload, &mut ledger).await;
            tokio::time::sleep(self.pause.mul_f64(2.0 * fastrand::f64())).await;
        }
        ledger
    }
}

/// Publishes the last event of all.
pub(super) async fn end(address: &str) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    bring(address, &mut None, Payload::END, &mut ledger).await;
    Ok(ledger)
}

/// Tries until the event is acknowledged.
async fn bring(address: &str, connection: &mut Option<Connection>, payload: Payload, ledger: &mut Ledger) {
    loop {
        match tokio::time::timeout(ANSWER, publish(address, connection, payload)).await {
            Ok(Ok(id)) => return ledger.events.push((id, payload)),
            _ => {
                *connection = None;
                ledger.repeats += 1;
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

async fn publish(address: &str, connection: &mut Option<Connection>, payload: Payload) -> Result<String> {
    let open = match connection {
        Some(open) => open,
        None => connection.insert(Connection::open(address).await?),
    };
    open.publish_once(&payload.topic(), EVENT_TYPE, &payload.key(), payload.data().as_bytes()).await
}
