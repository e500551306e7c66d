//! One reader of a crash test: follows its topics with sse-client from the first event to the last, through every
//! restart of the server.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use sse_client::reqwest::{Client, Url};
use sse_client::{EventId, EventSource, Signal};

use super::ledger::{self, PREFIX, Payload, TOPICS};

/// Which topics a reader asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    /// As written in the request.
    pub(super) selectors: Vec<String>,
    /// Numbers of the topics that they match.
    pub(super) topics: BTreeSet<usize>,
}

impl Selection {
    /// The `nth` of a mix: one topic, all, two topics, and all with one of them named again.
    pub(super) fn nth(nth: usize) -> Self {
        let one = nth / 4 % TOPICS;
        let other = (one + 1 + nth / 4 / TOPICS % (TOPICS - 1)) % TOPICS;
        let all = format!("{PREFIX}*");
        let (selectors, topics): (Vec<String>, BTreeSet<usize>) = match nth % 4 {
            0 => (vec![ledger::topic(one)], [one].into()),
            1 => (vec![all], (0..TOPICS).collect()),
            2 => (vec![ledger::topic(one), ledger::topic(other)], [one, other].into()),
            _ => (vec![all, ledger::topic(one)], (0..TOPICS).collect()),
        };
        Self { selectors, topics }
    }
}

/// What a reader has seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) selection: Selection,
    /// In the order in which it came.
    pub(super) events: Vec<(u64, Payload)>,
    /// Connections after the first.
    pub(super) reconnects: u64,
}

/// Reads until the last event of each topic has come.
///
/// # Errors
/// When the stream ends for good, or has a gap: nothing was removed, so nothing may be missing.
pub(super) async fn read(client: Client, address: String, selection: Selection) -> Result<Seen> {
    let mut url: Url = format!("http://{address}/events").parse()?;
    url.query_pairs_mut().extend_pairs(selection.selectors.iter().map(|selector| ("topic", selector)));
    let builder = EventSource::builder(url).client(client).last_event_id(EventId::new("earliest")?);
    let mut source = builder.build()?;
    let mut open = selection.topics.clone();
    let mut seen = Seen { selection, events: Vec::new(), reconnects: 0 };
    let mut connections = 0;
    while !open.is_empty() {
        match source.next().await.context("the stream is over")? {
            Signal::Opened(_) => {
                connections += 1;
                seen.reconnects = connections - 1;
            }
            Signal::Event(event) if event.event_type() == "gap" => {
                bail!("a gap was announced after {} events: {}", seen.events.len(), event.data());
            }
            // The greeting has no id of its own, and no event of ours comes without one.
            Signal::Event(event) if is_greeting(event.data()) => {}
            Signal::Event(event) => {
                let payload: Payload = event.data().parse()?;
                if let Payload::End { topic } = payload {
                    open.remove(&topic);
                }
                seen.events.push((ledger::seq(event.last_event_id())?, payload));
            }
            Signal::Dropped(error) => bail!(error),
            Signal::Closed(reason) => bail!("the stream ended for good: {reason}"),
            _ => {}
        }
    }
    Ok(seen)
}

fn is_greeting(data: &str) -> bool {
    data.starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_has_every_kind_and_every_topic() {
        let mix: Vec<Selection> = (0..100).map(Selection::nth).collect();
        for topic in 0..TOPICS {
            assert!(mix.iter().any(|selection| selection.topics == [topic].into()));
        }
        assert!(mix.iter().any(|selection| selection.topics.len() == 2));
        assert!(mix.iter().any(|selection| selection.selectors == ["crash/*"]));
        assert!(mix.iter().all(|selection| !selection.topics.is_empty()));
    }
}
