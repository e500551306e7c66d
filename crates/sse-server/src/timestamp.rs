//! Times as events and answers carry them: RFC 3339 with milliseconds, UTC.

use jiff::Timestamp;

pub(crate) fn now() -> String {
    rfc3339(Timestamp::now())
}

pub(crate) fn rfc3339(time: Timestamp) -> String {
    format!("{time:.3}")
}
