//! Metrics of refusals: by the limit that was reached, and tokens by what is wrong with them.

use std::fmt;

use sse_hub::Counters;

use super::exposition::Exposition;

pub(super) fn write(
    to: &mut Exposition<'_>,
    counters: &Counters,
    tokens: &[(&'static str, u64)],
) -> fmt::Result {
    let limits = [
        ("topics", &counters.refused_topics),
        ("log_bytes", &counters.refused_bytes),
        ("disk_space", &counters.refused_full),
        ("event_size", &counters.refused_size),
        ("topic_closed", &counters.refused_closed),
        ("memory", &counters.budget_refusals),
        ("subscribes", &counters.refused_subscribes),
        ("requests", &counters.refused_requests),
        ("connections", &counters.refused_connections),
    ];
    let refused = limits.map(|(limit, count)| ([("limit", limit)], Counters::get(count)));
    to.counters(("refused", None, "Requests and connections that were refused"), refused)?;
    let tokens = tokens.iter().map(|(reason, count)| ([("reason", *reason)], *count));
    to.counters(("tokens_refused", None, "Tokens that were refused"), tokens)
}
