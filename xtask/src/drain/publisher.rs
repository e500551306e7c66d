//! The publishers of the drain test: one of numbered events for the subscribers, and one that finds out how long nothing is
//! answered. Both send an event again under its key until it is acknowledged.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::shared::{Shared, add};
use crate::http::Connection;

pub(super) const TOPIC: &str = "drain";
const PROBE: &str = "probe";
/// Between two events that nobody reads.
const PAUSE: Duration = Duration::from_millis(5);
const RETRY: Duration = Duration::from_millis(5);

/// Publishes the numbers from 1 on. Gives the last.
pub(super) async fn publish(shared: Rc<Shared>, rate: f64) -> u64 {
    let (mut connection, mut number) = (None, 0);
    while !shared.stop.get() {
        number += 1;
        acknowledged(&shared, &mut connection, TOPIC, number).await;
        sleep(Duration::from_secs_f64(1.0 / rate)).await;
    }
    number += 1;
    shared.last.set(Some(number));
    acknowledged(&shared, &mut connection, TOPIC, number).await;
    number
}

/// Gives the longest time from one acknowledgement to the next.
pub(super) async fn probe(shared: Rc<Shared>) -> Duration {
    let (mut connection, mut number, mut longest) = (None, 0, Duration::ZERO);
    let mut last = Instant::now();
    while !shared.stop.get() {
        number += 1;
        acknowledged(&shared, &mut connection, PROBE, number).await;
        longest = longest.max(last.elapsed());
        last = Instant::now();
        sleep(PAUSE).await;
    }
    longest
}

async fn acknowledged(shared: &Shared, connection: &mut Option<Connection>, topic: &str, number: u64) {
    loop {
        let is_kept = connection.is_some();
        if send(shared, connection, topic, number).await.is_ok() {
            return;
        }
        // A request on a kept connection can cross its end; a new one has to be answered.
        add(if is_kept { &shared.repeated } else { &shared.refused });
        *connection = None;
        sleep(RETRY).await;
    }
}

async fn send(
    shared: &Shared,
    connection: &mut Option<Connection>,
    topic: &str,
    number: u64,
) -> anyhow::Result<()> {
    if connection.is_none() {
        *connection = Some(Connection::open(&shared.address).await?);
    }
    let Some(open) = connection else { return Ok(()) };
    let key = format!("{topic}-{number}");
    open.publish_as(topic, "n", Some(&key), number.to_string().as_bytes()).await?;
    Ok(())
}
