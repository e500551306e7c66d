//! Starts a server on what a power cut has left, and looks for what was acknowledged before it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::path::Path;

use super::workload::{Acknowledged, Ledger, parse_id, path};
use crate::http::{Connection, EventPage, PublishReceipt, StoredEvent};
use crate::server::{Server, Setup};
use anyhow::{Context, Result, bail, ensure};

/// What else was found besides everything that was acknowledged, and what the server did then.
#[derive(Debug)]
pub(super) struct Found {
    /// Events that were sent and not answered.
    pub(super) unacknowledged: usize,
    /// Readers that miss nothing are told of a gap.
    pub(super) false_gap: Option<String>,
    /// One more event that was published afterwards, and the body of the answer.
    pub(super) after: (Vec<u8>, Acknowledged),
    /// The server, which was killed then.
    pub(super) process: u32,
}

/// Event that is published after a power cut.
pub(super) const AFTER: (&str, &str) = ("power/after", "after");

/// Runs the server under `wrapper`, perhaps none, with its log in `log`.
///
/// # Errors
/// When the server does not start in `folder`, or an acknowledged event is missing, is not what was sent, or has its id or
/// its data twice; and when the server goes on with an id that was given before.
pub(super) async fn check(
    folder: &Path,
    (wrapper, log): (Vec<String>, &Path),
    ledger: &Ledger,
    acknowledged: &[&Acknowledged],
) -> Result<Found> {
    let env = vec![("SSE_APPS", "none".to_owned())];
    let setup = Setup { env, wrapper, log: Some(File::create(log)?), ..Setup::default() };
    let said = || std::fs::read_to_string(log).unwrap_or_default();
    let server = Server::start_as(&folder.join("data"), setup);
    let mut server = server.with_context(|| format!("the server does not start: {}", said().trim()))?;
    let mut connection = Connection::open(&server.address).await?;
    let mut topics: BTreeMap<&str, Vec<&Acknowledged>> = BTreeMap::new();
    ledger.sent.values().for_each(|topic| _ = topics.entry(topic).or_default());
    for event in acknowledged {
        topics.entry(&event.topic).or_default().push(event);
    }
    let (mut unacknowledged, mut false_gap) = (0, None);
    let (mut ids, mut known) = (HashSet::new(), HashSet::new());
    for (topic, acknowledged) in &topics {
        let stored = history(&mut connection, topic).await?;
        expect_all(topic, acknowledged, &stored)?;
        for event in &stored {
            ensure!(ids.insert(event.id.clone()), "two events have the id {}", event.id);
            let start = event.data.get(..30).unwrap_or(&event.data);
            let sent = ledger.sent.get(&event.data).map(String::as_str);
            ensure!(sent == Some(topic), "{topic} has an event that was not sent there: {start}");
            ensure!(known.insert(event.data.clone()), "{topic} has an event twice: {start}");
        }
        unacknowledged += stored.len() - acknowledged.len();
        // An event goes to its readers together with the answer to its publisher.
        if let Some(newest) = acknowledged.iter().max_by_key(|event| parse_id(&event.id).ok().map(|id| id.1))
        {
            let page: EventPage =
                connection.get(&format!("/topics/{topic}?after={}", newest.id)).await?.expect_ok()?.json()?;
            false_gap = false_gap.or(page.gap.map(|gap| gap.to_string()));
        }
    }
    let after = publish_on(&mut connection, acknowledged, &ids).await?;
    server.kill()?;
    Ok(Found { unacknowledged, false_gap, after, process: server.pid() })
}

/// Every acknowledged event is stored under its id, and ids grow.
fn expect_all(topic: &str, acknowledged: &[&Acknowledged], stored: &[StoredEvent]) -> Result<()> {
    let mut last = 0;
    for event in stored {
        let (_, seq) = parse_id(&event.id)?;
        ensure!(seq > last, "{topic}: {} follows {last}", event.id);
        last = seq;
    }
    let stored: HashMap<&str, &str> =
        stored.iter().map(|event| (event.id.as_str(), event.data.as_str())).collect();
    for event in acknowledged {
        match stored.get(event.id.as_str()) {
            Some(data) => ensure!(*data == event.data, "{topic}: {} has other data", event.id),
            None => bail!("{topic}: {} was acknowledged and is missing", event.id),
        }
    }
    Ok(())
}

/// Idempotency keys are known, and a new event gets a new id. Returns the answer, and what it acknowledges.
async fn publish_on(
    connection: &mut Connection,
    acknowledged: &[&Acknowledged],
    ids: &HashSet<String>,
) -> Result<(Vec<u8>, Acknowledged)> {
    if let Some(event) = acknowledged.iter().rev().find(|event| event.key.is_some()) {
        let path = path(&event.topic, event.key.as_deref());
        let repeated = connection.publish(&path, event.data.as_bytes()).await?;
        ensure!(repeated == event.id, "a repeated {} is stored again as {repeated}", event.id);
    }
    let response = connection.post(AFTER.0, "text/plain", AFTER.1.as_bytes()).await?.expect_ok()?;
    let PublishReceipt { id } = response.json()?;
    let (_, seq) = parse_id(&id)?;
    for before in ids {
        ensure!(parse_id(before)?.1 < seq, "{before} was given before {id}");
    }
    let (topic, data) = AFTER;
    Ok((response.body, Acknowledged { id, topic: topic.to_owned(), data: data.to_owned(), key: None }))
}

/// The whole history of a topic, page by page.
async fn history(connection: &mut Connection, topic: &str) -> Result<Vec<StoredEvent>> {
    let (mut all, mut after) = (Vec::new(), "earliest".to_owned());
    loop {
        let page = connection.get(&format!("/topics/{topic}?after={after}&limit=1000")).await?;
        let page: EventPage = page.expect_ok()?.json()?;
        if page.events.is_empty() {
            return Ok(all);
        }
        all.extend(page.events);
        after = page.next;
    }
}
