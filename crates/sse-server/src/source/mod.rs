//! Publishers that live in the server. Each is an `async fn run` over the hub; none knows HTTP.

pub(crate) mod alerts;
pub(crate) mod clock;
pub(crate) mod metrics;
pub(crate) mod notification;
mod sampler;

/// The time now as our events carry it: RFC 3339 with milliseconds, UTC.
pub(crate) fn timestamp() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}
