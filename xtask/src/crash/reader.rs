//! One reader of the crash test: follows its topics with sse-client from the first event to the last, across all
//! restarts of the server.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use sse_client::reqwest::{Client, Url};
use sse_client::{EventId, EventSource, Signal};

use crate::workload::{EVENT_TYPE, Payload, Received, TOPIC_PREFIX, TOPICS, topic};

/// Which topics a reader asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    /// As in the request.
    pub(super) selectors: Vec<String>,
    /// Numbers of the topics that they match.
    pub(super) topics: BTreeSet<usize>,
}

impl Selection {
    /// The `nth` of a mix: one topic, all, two topics, and all together with one of them.
    pub(super) fn nth(nth: usize) -> Self {
        let one = nth / 4 % TOPICS;
        let other = (one + 1 + nth / 4 / TOPICS % (TOPICS - 1)) % TOPICS;
        let all = format!("{TOPIC_PREFIX}*");
        let (selectors, topics): (Vec<String>, BTreeSet<usize>) = match nth % 4 {
            0 => (vec![topic(one)], [one].into()),
            1 => (vec![all], (0..TOPICS).collect()),
            2 => (vec![topic(one), topic(other)], [one, other].into()),
            _ => (vec![all, topic(one)], (0..TOPICS).collect()),
        };
        Self { selectors, topics }
    }
}

/// A reader that has received the last event of each topic.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) received: Received,
    /// Connections after the first.
    pub(super) reconnects: u64,
}

/// Reads until the last event of each topic has come.
///
/// # Errors
/// When the stream ends for good, or has a gap: nothing was removed, so nothing may be missing.
pub(super) async fn read(client: Client, address: String, selection: Selection) -> Result<Subscriber> {
    let Selection { selectors, topics } = selection;
    let mut url: Url = format!("http://{address}/events").parse()?;
    url.query_pairs_mut().extend_pairs(selectors.iter().map(|selector| ("topic", selector)));
    let builder = EventSource::builder(url).client(client).last_event_id(EventId::new("earliest")?);
    let mut source = builder.build()?;
    let mut open = topics.clone();
    let reader = format!("a reader of {}", selectors.join(" and "));
    let mut received = Received { reader, topics, events: Vec::new() };
    let mut connections = 0_u64;
    while !open.is_empty() {
        match source.next().await.context("the event source ended")? {
            Signal::Opened(_) => connections += 1,
            Signal::Event(event) if event.event_type() == "gap" => {
                bail!("a gap was announced after {} events: {}", received.events.len(), event.data());
            }
            Signal::Event(event) if event.event_type() == EVENT_TYPE => {
                let payload: Payload = event.data().parse()?;
                if let Payload::End { topic } = payload {
                    open.remove(&topic);
                }
                received.events.push((event.last_event_id().parse()?, payload));
            }
            Signal::Dropped(error) => bail!(error),
            Signal::Closed(reason) => bail!("the stream ended for good: {reason}"),
            // The greeting has no type; an event of ours that lost its own is found missing.
            _ => {}
        }
    }
    Ok(Subscriber { received, reconnects: connections.saturating_sub(1) })
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
        assert!(mix.iter().any(|selection| selection.selectors == ["workload/*"]));
        assert!(mix.iter().all(|selection| !selection.topics.is_empty()));
    }
}
