//! Where a stream starts: `--since`, `--last`, an id. Reads no clock of its own once it is parsed.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sse_client::EventId;
use sse_client::reqwest::Url;

use super::args::BeginArgs;

/// What the hub takes for all that is kept.
const EARLIEST: &str = "earliest";

/// A start that a person can write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Since {
    Id(EventId),
    Time(Timestamp),
}

/// Where the first connection starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Where the server wants; at the hub, with what comes.
    Server,
    After(EventId),
    Since(Timestamp),
    Last(u64),
}

impl Begin {
    pub(crate) fn new(args: &BeginArgs) -> Self {
        match (&args.since, args.last, &args.last_event_id) {
            (Some(Since::Id(id)), ..) | (None, None, Some(id)) => Self::After(id.clone()),
            (Some(Since::Time(time)), ..) => Self::Since(*time),
            (None, Some(count), _) => Self::Last(count.get()),
            (None, None, None) => Self::Server,
        }
    }

    /// With all that is kept.
    pub(crate) fn earliest() -> Self {
        EventId::new(EARLIEST).map_or(Self::Server, Self::After)
    }

    /// The id to resume from.
    pub(crate) fn id(&self) -> Option<&EventId> {
        match self {
            Self::After(id) => Some(id),
            _ => None,
        }
    }

    /// Adds what the hub is asked by parameter.
    pub(crate) fn ask(&self, url: &mut Url) {
        match self {
            Self::Since(time) => {
                url.query_pairs_mut().append_pair("since", &format!("{time:.3}"));
            }
            Self::Last(count) => {
                url.query_pairs_mut().append_pair("last", &count.to_string());
            }
            Self::Server | Self::After(_) => {}
        }
    }

    /// The option behind a parameter that a server may not know.
    pub(crate) fn option(&self) -> Option<&'static str> {
        match self {
            Self::Since(_) => Some("--since"),
            Self::Last(_) => Some("--last"),
            Self::Server | Self::After(_) => None,
        }
    }
}

/// Parses `--since`.
pub(crate) fn since(text: &str) -> Result<Since, String> {
    since_at(text, Timestamp::now(), &TimeZone::system())
}

fn since_at(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Since, String> {
    if let Ok(ago) = humantime::parse_duration(text)
        && text.contains(char::is_alphabetic)
    {
        return ago_from(now, ago)
            .map(Since::Time)
            .ok_or_else(|| format!("{text} ago there was no time yet"));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Since::Time(time));
    }
    // A date alone is the start of that day.
    let local = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(DateTime::from));
    match local.and_then(|time| zone.to_timestamp(time)) {
        Ok(time) => Ok(Since::Time(time)),
        Err(_) if looks_like_a_date(text) => {
            Err("not a time; times are written 2026-11-22T08:00:00Z, 2026-11-22 08:00 or 2026-11-22"
                .to_owned())
        }
        Err(_) => EventId::new(text).map(Since::Id).map_err(|error| error.to_string()),
    }
}

fn ago_from(now: Timestamp, ago: Duration) -> Option<Timestamp> {
    now.checked_sub(SignedDuration::try_from(ago).ok()?).ok()
}

/// A mistyped time must not be taken as an id.
fn looks_like_a_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let digits = |part: Option<&str>, count| {
        part.is_some_and(|part| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    digits(parts.next(), 4) && digits(parts.next(), 2) && parts.next().is_some()
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
            assert_eq!(since_at(text, now, &zone), Ok(Since::Time(time.parse().unwrap())), "{text}");
        }
        for id in ["earliest", "6ce0ea04547f-42", "7", "0", "a b"] {
            assert_eq!(since_at(id, now, &zone), Ok(Since::Id(EventId::new(id).unwrap())), "{id}");
        }
    }

    #[test]
    fn a_mistyped_time_is_no_id() {
        for text in ["2026-13-01", "2026-11-22T25:00:00Z", "a\nb"] {
            assert!(since(text).is_err(), "{text}");
        }
    }
}
