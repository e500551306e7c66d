//! Does something on the way hold events back? Told from three things: events that come later than they were made,
//! pauses in the middle of a line, and a head or first byte that comes late.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{count, seconds};
use crate::doctor::finding::{Finding, Severity, Verdict};
use crate::doctor::observation::{Answer, Observation, Stream};
use crate::doctor::recording::{Clump, Recording, Seen};
use crate::doctor::remedy::Remedy;

/// A head or a first byte that comes later than this is late.
const PROMPT: Duration = Duration::from_secs(3);
/// Events of one clump that were made so far apart did not leave the application together. Above what a busy machine
/// or a lost packet causes.
const APART: SignedDuration = SignedDuration::from_millis(1500);
/// The same when it happens more than once.
const APART_AGAIN: SignedDuration = SignedDuration::from_millis(700);
/// An application writes whole lines, so a pause of this length within one is not its own.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) fn first_byte(seen: &Observation, answer: &Answer, stream: &Stream) -> Verdict {
    let prompt = PROMPT.min(seen.watch / 2);
    let (title, seen) = match stream.body.first_byte() {
        None => {
            ("the stream is silent from the start", format!("no byte of it in {}", seconds(stream.ended)))
        }
        Some(_) if answer.at > prompt => {
            ("the answer comes late", format!("its head came after {}", seconds(answer.at)))
        }
        Some(first) if first > answer.at + prompt => {
            ("the first byte comes late", format!("{} after the head", seconds(first - answer.at)))
        }
        Some(first) => return Verdict::Good(format!("after {}", seconds(first))),
    };
    Verdict::found(Finding {
        severity: Severity::Warning,
        title,
        seen,
        why: "A proxy that buffers cannot be told from a stream with no news, and some send the head only with \
              the first byte. A page is not connected until then.",
        remedy: Remedy::TimeToFirstByte,
    })
}

pub(super) fn check(_: &Observation, _: &Answer, stream: &Stream) -> Verdict {
    match evidence(&stream.body, stream.began) {
        Some(seen) => Verdict::found(Finding {
            severity: Severity::Fault,
            title: "a proxy holds events back",
            seen,
            why: "It collects the answer until a buffer is full. Readers get events late, and many at once.",
            remedy: Remedy::NoBuffering,
        }),
        None if stream.body.event_count == 0 => Verdict::Unjudged("no event came"),
        None => Verdict::Good(match worst_delay(&stream.body, stream.began) {
            Some(delay) => format!("the delays of events differ by at most {}", seconds(delay)),
            None => "events came evenly".to_owned(),
        }),
    }
}

/// What shows that events were held back. `None` if nothing does.
pub(super) fn evidence(body: &Recording, began: Timestamp) -> Option<String> {
    late_events(body, began).or_else(|| torn_lines(body))
}

/// An event and by how much it came later than the one that came fastest.
struct Delayed<'a> {
    event: &'a Seen,
    delay: SignedDuration,
}

/// Events that were made after the request, with their delays. Clocks need not agree: only differences count. What
/// was made before the request is history, and may be as old as it likes.
fn delays(body: &Recording, began: Timestamp) -> Vec<Delayed<'_>> {
    let with_delay = |event| {
        let made = event_made(event)?;
        Some(Delayed { event, delay: arrival(event, began)?.duration_since(made) })
    };
    let mut all: Vec<Delayed<'_>> = body.events.iter().filter_map(with_delay).collect();
    let Some(least) = all.iter().map(|delayed| delayed.delay).min() else { return all };
    for delayed in &mut all {
        delayed.delay -= least;
    }
    all.retain(|delayed| {
        let since_request = SignedDuration::try_from(delayed.event.at).unwrap_or(SignedDuration::MAX);
        delayed.delay <= since_request
    });
    all
}

fn event_made(event: &Seen) -> Option<Timestamp> {
    event.made
}

fn arrival(event: &Seen, began: Timestamp) -> Option<Timestamp> {
    began.checked_add(event.at).ok()
}

fn worst_delay(body: &Recording, began: Timestamp) -> Option<Duration> {
    let delays = delays(body, began);
    delays.iter().map(|delayed| delayed.delay.unsigned_abs()).max()
}

fn late_events(body: &Recording, began: Timestamp) -> Option<String> {
    let delays = delays(body, began);
    // Times of whole seconds are wrong by up to one.
    let whole = delays.iter().all(|one| one.event.made.is_some_and(|made| made.subsec_nanosecond() == 0));
    let doubt = if whole { SignedDuration::from_secs(1) } else { SignedDuration::ZERO };
    let mut spreads: Vec<SignedDuration> =
        body.clumps.iter().filter_map(|clump| spread(clump, &delays)).map(|spread| spread - doubt).collect();
    spreads.sort_unstable();
    let worst = *spreads.last()?;
    let again = spreads.iter().filter(|spread| **spread >= APART_AGAIN).count();
    if worst < APART && again < 2 {
        return None;
    }
    let late = delays.iter().filter(|one| one.delay >= APART_AGAIN).count() as u64;
    Some(format!(
        "{} came late by their own time, by up to {}, in {}",
        count(late, "event", "events"),
        seconds(worst.unsigned_abs()),
        count(again as u64, "clump", "clumps")
    ))
}

/// How far apart the events of a clump were made. `None` for less than two.
fn spread(clump: &Clump, delays: &[Delayed<'_>]) -> Option<SignedDuration> {
    let inside = |one: &&Delayed<'_>| (clump.at..=clump.until).contains(&one.event.at);
    let times = || delays.iter().filter(inside).map(|one| one.delay);
    Some(times().max()? - times().min()?).filter(|_| times().count() > 1)
}

fn torn_lines(body: &Recording) -> Option<String> {
    let pauses: Vec<(Duration, u64)> = body
        .clumps
        .windows(2)
        .filter_map(|pair| match pair {
            [before, after] if before.torn => Some((after.at - before.until, before.bytes)),
            _ => None,
        })
        .filter(|(pause, _)| *pause >= PAUSE)
        .collect();
    let longest = pauses.iter().map(|(pause, _)| *pause).max()?;
    if pauses.len() < 2 {
        return None;
    }
    let bytes = pauses.iter().map(|(_, bytes)| *bytes).max().unwrap_or_default();
    Some(format!(
        "{} in the middle of a line, of up to {}, each after a clump of up to {bytes} bytes",
        count(pauses.len() as u64, "pause", "pauses"),
        seconds(longest)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::sample::stream;

    /// Made at the first time and come at the second, in milliseconds since the request.
    fn judged(events: &[(i64, u64)], clock_runs_ahead: i64) -> Option<String> {
        let began: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let piece = |made: i64| {
            let made = began + SignedDuration::from_millis(made + clock_runs_ahead);
            format!("data: {{\"time\":\"{made}\"}}\n\n")
        };
        let stream = stream(events.iter().map(|(made, came)| (*came, piece(*made))));
        evidence(&stream.body, stream.began)
    }

    #[test]
    fn events_that_come_together_but_were_made_apart_were_held_back() {
        let clumps = [(100, 1000), (500, 1000), (999, 1000), (1100, 2000), (1500, 2000), (1999, 2000)];
        for ahead in [0, -3_600_000, 5_000] {
            let seen = judged(&clumps, ahead).unwrap();
            assert_eq!(seen, "2 events came late by their own time, by up to 0.9 s, in 2 clumps");
        }
        assert!(judged(&[(100, 2000), (1990, 2000)], 0).is_some());
    }

    #[test]
    fn what_comes_as_it_is_made_was_not_held_back() {
        assert_eq!(judged(&[(100, 101), (500, 502), (900, 930), (1900, 1905)], 0), None);
        // A slow network is not a buffer: all are late alike.
        assert_eq!(judged(&[(100, 3100), (500, 3500), (900, 3900)], 0), None);
        // A batch that was published as one.
        assert_eq!(judged(&[(1000, 1001), (1000, 1001), (1001, 1002)], 0), None);
        // One hiccup of a busy machine.
        assert_eq!(judged(&[(100, 1000), (500, 1000), (999, 1000), (1500, 1501)], 0), None);
    }

    #[test]
    fn history_is_as_old_as_it_likes() {
        let hour = 3_600_000;
        let replay = [(-hour, 5), (-hour / 2, 5), (-2_000, 5), (100, 101), (600, 601)];
        assert_eq!(judged(&replay, 0), None);
        assert_eq!(judged(&replay[..3], 0), None);
    }

    #[test]
    fn times_of_whole_seconds_are_wrong_by_one() {
        assert_eq!(judged(&[(1000, 1900), (2000, 2100), (2000, 2900), (3000, 3100)], 0), None);
    }

    #[test]
    fn pauses_within_lines_are_not_the_application_s() {
        let torn = stream([(0, "data: a\n\ndata:"), (600, " b\n\nda"), (1200, "ta: c\n\n")]);
        let seen = evidence(&torn.body, torn.began).unwrap();
        assert_eq!(
            seen,
            "2 pauses in the middle of a line, of up to 0.6 s, each after a clump of up to 14 bytes"
        );
        let whole = stream([(0, "data: a\n\n"), (600, "data: b\n"), (1200, "\n")]);
        assert_eq!(evidence(&whole.body, whole.began), None);
    }
}
