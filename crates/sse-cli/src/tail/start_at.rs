//! Where a stream starts: `--since`, `--last`, `--last-event-id`. Reads the clock only while parsing.

use std::num::NonZeroU64;
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sse_client::EventId;
use sse_core::RecordId;

use crate::values;

/// The id that stands for all stored events.
const EARLIEST: &str = "earliest";

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Start and stop")]
pub(crate) struct StartArgs {
    /// Start at a time: so long ago (`10m`, `2h 30m`) or `2026-11-22T08:00:00Z`, `2026-11-22 08:00`, `2026-11-22` (local
    /// without a zone). Or after an event of sse-server (its id), or with all stored events (`earliest`)
    #[arg(long, value_name = "10m|TIME|ID|earliest", value_parser = since)]
    since: Option<StartAt>,

    /// Start with the newest N stored events
    #[arg(long, value_name = "N", conflicts_with = "since", value_parser = values::positive::<NonZeroU64>)]
    last: Option<NonZeroU64>,

    /// Start after the event with this id, which is sent as it is
    #[arg(long, value_name = "ID", value_parser = |text: &str| EventId::new(text))]
    #[arg(conflicts_with_all = ["since", "last"])]
    last_event_id: Option<EventId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StartAt {
    /// Wherever the server starts; sse-server: with new events.
    Default,
    After(EventId),
    Since(Timestamp),
    Last(u64),
}

impl StartAt {
    pub(crate) fn new(args: &StartArgs) -> Self {
        match (&args.since, args.last, &args.last_event_id) {
            (Some(since), ..) => since.clone(),
            (None, Some(count), _) => Self::Last(count.get()),
            (None, None, Some(id)) => Self::After(id.clone()),
            (None, None, None) => Self::Default,
        }
    }

    /// With all stored events.
    pub(crate) fn earliest() -> Self {
        EventId::new(EARLIEST).map_or(Self::Default, Self::After)
    }

    /// The id to resume from.
    pub(crate) fn id(&self) -> Option<&EventId> {
        match self {
            Self::After(id) => Some(id),
            _ => None,
        }
    }

    /// The query parameter for it, named like its flag. A server may not know it.
    pub(crate) fn parameter(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Since(time) => Some(("since", format!("{time:.3}"))),
            Self::Last(count) => Some(("last", count.to_string())),
            Self::Default | Self::After(_) => None,
        }
    }
}

fn since(text: &str) -> Result<StartAt, String> {
    since_at(text, Timestamp::now(), &TimeZone::system())
}

fn since_at(text: &str, now: Timestamp, zone: &TimeZone) -> Result<StartAt, String> {
    if let Ok(ago) = humantime::parse_duration(text)
        && text.contains(char::is_alphabetic)
    {
        return ago_from(now, ago)
            .map(StartAt::Since)
            .ok_or_else(|| format!("{text} ago is before the earliest time that can be expressed"));
    }
    if text == EARLIEST {
        return Ok(StartAt::earliest());
    }
    if let Ok(id) = text.parse::<RecordId>() {
        return Ok(StartAt::After(id.to_event_id()));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(StartAt::Since(time));
    }
    // A date alone is the start of that day.
    let local = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(DateTime::from));
    local.and_then(|time| zone.to_timestamp(time)).map(StartAt::Since).map_err(|_| {
        "expected how long ago (10m, `2h 30m`), a time (2026-11-22T08:00:00Z, `2026-11-22 08:00`, 2026-11-22), \
         `earliest`, or an id of sse-server (9f86d081884c-1042). --last-event-id accepts any id"
            .to_owned()
    })
}

fn ago_from(now: Timestamp, ago: Duration) -> Option<Timestamp> {
    now.checked_sub(SignedDuration::try_from(ago).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_people_write() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        for (text, time) in [
            ("10m", "2026-11-22T09:50:00Z"),
            ("1h 30m", "2026-11-22T08:30:00Z"),
            ("2026-11-22T08:00:00Z", "2026-11-22T08:00:00Z"),
            ("2026-11-22T08:00:00.5+02:00", "2026-11-22T06:00:00.5Z"),
            ("2026-11-22 08:00", "2026-11-22T07:00:00Z"),
            ("2026-11-22T08:00:01", "2026-11-22T07:00:01Z"),
            ("2026-11-22", "2026-11-21T23:00:00Z"),
        ] {
            assert_eq!(since_at(text, now, &zone), Ok(StartAt::Since(time.parse().unwrap())), "{text}");
        }
        for id in ["earliest", "6ce0ea04547f-42"] {
            assert_eq!(since_at(id, now, &zone), Ok(StartAt::After(EventId::new(id).unwrap())), "{id}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["yesterday", "2026-13-01", "2026-11-22T25:00:00Z", "a\nb", "7", "0", "a b", "6ce0ea-42", ""]
        {
            assert!(since(text).unwrap_err().contains("--last-event-id accepts any id"), "{text}");
        }
    }
}
