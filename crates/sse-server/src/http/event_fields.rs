//! What a publisher can say of an event, and the limits of it.

use std::time::Duration;

use sse_core::{Event, EventType};
use sse_hub::Draft;

/// Most bytes of data in one event: what the readers we know can decode, with room to spare.
pub(super) const MAX_DATA_BYTES: usize = 1 << 20;
/// Longest event type, in bytes.
const MAX_TYPE_BYTES: usize = 255;
/// Longest reconnection time that a publisher can give: a day.
const MAX_RETRY_MILLIS: u64 = 24 * 3600 * 1000;
/// Longest one that readers are sent, so that no publisher sends all of them away for a day.
const MOST_RETRY: Duration = Duration::from_secs(60);
/// Longest idempotency key, in bytes.
const MAX_KEY_BYTES: usize = 255;
/// Longest time for which an event can be given to readers: 90 days.
const MAX_TTL: Duration = Duration::from_secs(90 * 24 * 3600);
/// Event types of the hub's own: that events are missing, and that a topic has ended. Nobody else can make one.
const OWN_TYPES: [&str; 2] = ["gap", "end"];

pub(super) fn event(data: String, event_type: Option<EventType>, retry: Option<Duration>) -> Event {
    let mut event = Event::new(data);
    if let Some(event_type) = event_type {
        event = event.with_type(event_type);
    }
    if let Some(retry) = retry {
        event = event.with_retry(retry);
    }
    event
}

/// Bytes of the event on the wire; an error says what to change.
pub(super) fn frame_bytes(draft: &Draft) -> Result<usize, String> {
    let (bytes, max) = (draft.frame_bytes(), Draft::MAX_FRAME_BYTES);
    if bytes <= max {
        return Ok(bytes);
    }
    Err(format!(
        "an event has at most {MAX_DATA_BYTES} bytes of data and {max} bytes on the wire, where each line of data begins \
         with `data: `; this one would have {bytes}: send fewer, longer lines"
    ))
}

/// Checks an event type; an error says what to change.
pub(super) fn event_type(text: impl Into<Box<str>>) -> Result<EventType, String> {
    let event_type = EventType::new(text).map_err(|error| error.to_string())?;
    match event_type.as_str() {
        own if OWN_TYPES.contains(&own) => {
            Err(format!("the event type `{own}` is the server's own; choose another"))
        }
        text if text.len() > MAX_TYPE_BYTES => {
            Err(format!("an event type has at most {MAX_TYPE_BYTES} bytes, this one has {}", text.len()))
        }
        _ => Ok(event_type),
    }
}

/// Checks a reconnection time in milliseconds.
pub(super) fn retry(millis: u64) -> Result<Duration, String> {
    match millis {
        0..=MAX_RETRY_MILLIS => Ok(Duration::from_millis(millis).min(MOST_RETRY)),
        _ => Err(format!("retry is in milliseconds, from 0 to {MAX_RETRY_MILLIS}")),
    }
}

pub(super) fn retry_text(text: &str) -> Result<Duration, String> {
    retry(text.parse().unwrap_or(u64::MAX))
}

/// Checks how long an event is given to readers: `30s`, `5m`, or seconds.
pub(super) fn ttl(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    let ttl = seconds.or_else(|| humantime::parse_duration(text).ok());
    let ttl = ttl.filter(|ttl| (Duration::from_secs(1)..=MAX_TTL).contains(ttl));
    ttl.ok_or_else(|| format!("ttl is a time from 1s to 90d, such as 30s or 5m, not {text:?}"))
}

pub(crate) fn idempotency_key(text: &str) -> Result<String, String> {
    let fits = (1..=MAX_KEY_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    match fits {
        true => Ok(text.to_owned()),
        false => Err(format!("an idempotency key has 1 to {MAX_KEY_BYTES} visible ASCII characters")),
    }
}
