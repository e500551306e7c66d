//! Metrics of connections: event streams by what carries them and why they close, long-polls, gaps.

use std::fmt;

use sse_hub::{CloseReason, Counters, Transport};

use super::exposition::Exposition;

pub(super) fn write(to: &mut Exposition<'_>, counters: &Counters) -> fmt::Result {
    // What has closed is read first, so that it was opened before.
    let all = Transport::ALL.map(|(transport, name)| {
        let closed = counters.connections.closed(transport);
        (name, counters.connections.opened(transport), closed)
    });
    let open = all.iter().map(|(name, opened, closed)| (*name, opened - closed.iter().sum::<u64>()));
    to.gauges(("connections_open", None, "Event streams that are open"), open.map(of_transport))?;
    let opened = all.iter().map(|(name, opened, _)| (*name, *opened));
    to.counters(("connections_opened", None, "Event streams that were opened"), opened.map(of_transport))?;
    let closed = all.iter().flat_map(|(transport, _, closed)| {
        let by_reason = CloseReason::ALL.into_iter().zip(closed);
        by_reason.map(move |((_, reason), count)| ([("transport", *transport), ("reason", reason)], *count))
    });
    to.counters(("connections_closed", None, "Event streams that have closed"), closed)?;
    let open = Counters::get(&counters.long_polls_open);
    to.gauge(("long_polls_open", None, "Long-polls that wait for an event"), open)?;
    let waited = Counters::get(&counters.long_polls);
    to.counter(("long_polls", None, "Long-polls that had to wait"), waited)?;
    let gaps = Counters::GAPS.iter().zip(&counters.gaps);
    let gaps = gaps.map(|((_, reason), count)| ([("reason", *reason)], Counters::get(count)));
    to.counters(("gaps", None, "Gaps that event streams were told of"), gaps)?;
    let reads = Counters::get(&counters.replay_reads);
    to.counter(("replay_reads", None, "Pages of the log that were read for event streams"), reads)
}

fn of_transport((name, value): (&'static str, u64)) -> ([(&'static str, &'static str); 1], u64) {
    ([("transport", name)], value)
}
