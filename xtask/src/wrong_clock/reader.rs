//! Reads one topic from its first event on, over all jumps and restarts, and counts. Any event that is missing, comes twice
//! or out of order, and any gap, ends it with an error.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sse_client::{EventId, EventSource, Signal};
use sse_core::RecordId;

/// Longest wait before it connects again.
const RECONNECT: Duration = Duration::from_millis(200);

/// The events of the topic have the data 0, 1, 2 and so on; `received` is how many of them have come.
pub(super) async fn read(address: String, topic: &str, received: Rc<Cell<usize>>) -> Result<()> {
    let url = format!("http://{address}/events?topic={topic}");
    let builder = EventSource::builder(url.as_str()).last_event_id(EventId::new("earliest")?);
    let mut source = builder.max_reconnect_delay(RECONNECT).build()?;
    let mut last = 0;
    loop {
        match source.next().await.context("the event source ended")? {
            Signal::Event(event) if event.event_type() == "gap" => {
                bail!("a reader is told of a gap after {} events: {}", received.get(), event.data());
            }
            // The greeting is JSON.
            Signal::Event(event) if !event.data().starts_with('{') => {
                let expected = received.get().to_string();
                ensure!(event.data() == expected, "a reader got {} instead of {expected}", event.data());
                let id: RecordId = event.last_event_id().parse()?;
                ensure!(id.seq > last, "a reader got {} after {last}", event.last_event_id());
                last = id.seq;
                received.set(received.get() + 1);
            }
            Signal::Dropped(error) => bail!(error),
            Signal::Closed(reason) => bail!("the stream of a reader ended for good: {reason}"),
            _ => {}
        }
    }
}
