//! One publisher: numbered events on its topic at a steady pace, each sent again under its key until it is acknowledged.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::shared::{EVENT_TYPE, Shared, add, topic};
use crate::http::Connection;

/// Bytes of data of one event.
const DATA_BYTES: usize = 100;
/// Pause before the next attempt.
const RETRY: Duration = Duration::from_millis(100);
/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Publishes until the crowd stops. An event is stamped with the time when it was due, and late ones follow at once, so
/// that a server that stalls is not spared.
pub(super) async fn publish(
    shared: Rc<Shared>,
    nth: usize,
    source: Option<IpAddr>,
    delay: Duration,
    interval: Duration,
) {
    let target = (&*shared.address, source);
    let (start, topic) = (Instant::now() + delay, topic(nth));
    let mut connection = None;
    for count in 1.. {
        let due = start + interval * count;
        tokio::time::sleep_until(due.into()).await;
        if shared.stop.get() {
            break;
        }
        if let Some(published) = shared.published.get(nth) {
            published.set(count.into());
        }
        let data = format!("{:<DATA_BYTES$}", format!("{nth} {count} {} ", shared.micros(due)));
        let key = format!("{nth}-{count}");
        while !send(&mut connection, target, &topic, &key, &data).await {
            add(&shared.retries);
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// Returns whether it was acknowledged. Any other answer, and none in time, is tried again on a new connection.
async fn send(
    connection: &mut Option<Connection>,
    (address, source): (&str, Option<IpAddr>),
    topic: &str,
    key: &str,
    data: &str,
) -> bool {
    let attempt = async {
        let mut open = match connection.take() {
            Some(open) => open,
            None => Connection::open_from(address, source).await?,
        };
        open.publish_as(topic, EVENT_TYPE, Some(key), data.as_bytes()).await?;
        anyhow::Ok(open)
    };
    *connection = tokio::time::timeout(TIMEOUT, attempt).await.ok().and_then(Result::ok);
    connection.is_some()
}
