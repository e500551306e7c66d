//! Publishers that live in the server. Each is an `async fn run` over the hub; none knows HTTP.

pub(crate) mod alerts;
pub(crate) mod clock;
mod host;
pub(crate) mod metrics;
pub(crate) mod notification;
mod sampler;
pub(crate) mod ticker;

/// The time now as our events carry it: RFC 3339 with milliseconds, UTC.
pub(crate) fn timestamp() -> String {
    rfc3339(jiff::Timestamp::now())
}

/// A time as our events carry it.
fn rfc3339(time: jiff::Timestamp) -> String {
    format!("{time:.3}")
}
