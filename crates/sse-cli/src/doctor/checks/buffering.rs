//! Is the stream buffered on its way? There are three signs: events that arrive later than they were made, pauses in the
//! middle of a line, and a late head or first byte.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::doctor::finding::{Finding, Verdict};
use crate::doctor::fix;
use crate::doctor::observation::{Answer, Observation, Stream};
use crate::doctor::recording::{Burst, Recording, Seen};
use crate::units::{count, seconds};

/// A later head or first byte is reported.
const PROMPT: Duration = Duration::from_secs(3);
/// Events of one burst that were made this far apart did not leave the application together. Above what a busy machine
/// or a lost packet causes.
const APART: SignedDuration = SignedDuration::from_millis(1500);
/// The same when it happens more than once.
const APART_AGAIN: SignedDuration = SignedDuration::from_millis(700);
/// An application writes whole lines, so a pause of this length inside a line is not its own.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) fn first_byte(seen: &Observation, answer: &Answer, stream: &Stream) -> Verdict {
    let prompt = PROMPT.min(seen.watch / 2);
    let (title, seen) = match stream.body.first_byte() {
        None => ("the stream is silent from the start", format!("no byte in {}", seconds(stream.ended))),
        Some(_) if answer.at > prompt => {
            ("the response starts late", format!("its head came after {}", seconds(answer.at)))
        }
        Some(first) if first > answer.at + prompt => {
            ("the first byte is late", format!("{} after the head", seconds(first - answer.at)))
        }
        Some(first) => return Verdict::Good(format!("after {}", seconds(first))),
    };
    Finding::warning(title)
        .seen(seen)
        .why(
            "A silent stream looks like a buffering proxy, and some proxies send the head only \
             with the first byte. A page is not connected until then.",
        )
        .fix(fix::FIRST_BYTE)
}

pub(super) fn check(_: &Observation, _: &Answer, stream: &Stream) -> Verdict {
    match evidence(&stream.body, stream.began) {
        Some(seen) => Finding::fault("a proxy buffers events")
            .seen(seen)
            .why("It collects the response until a buffer is full. Events arrive late and in bursts.")
            .fix(fix::NO_BUFFERING),
        None if stream.body.event_count == 0 => Verdict::Unjudged("no event came"),
        None => Verdict::Good(match worst_delay(&stream.body, stream.began) {
            Some(delay) => format!("the delays of events differ by at most {}", seconds(delay)),
            None => "events arrived evenly".to_owned(),
        }),
    }
}

/// The evidence that events were buffered, if there is any.
pub(super) fn evidence(body: &Recording, began: Timestamp) -> Option<String> {
    late_events(body, began).or_else(|| torn_lines(body))
}

/// An event, and how much later it arrived than the fastest one.
struct Delayed<'a> {
    event: &'a Seen,
    delay: SignedDuration,
}

impl<'a> Delayed<'a> {
    fn new(event: &'a Seen, began: Timestamp) -> Option<Self> {
        let arrived = began.checked_add(event.at).ok()?;
        Some(Self { event, delay: arrived.duration_since(event.made?) })
    }
}

/// Events that were made after the request, with their delays. Only differences count, so clocks need not agree. Events
/// from before the request are history, and can have any age.
fn delays(body: &Recording, began: Timestamp) -> Vec<Delayed<'_>> {
    let mut all: Vec<Delayed<'_>> =
        body.events.iter().filter_map(|event| Delayed::new(event, began)).collect();
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

fn worst_delay(body: &Recording, began: Timestamp) -> Option<Duration> {
    let delays = delays(body, began);
    delays.iter().map(|delayed| delayed.delay.unsigned_abs()).max()
}

fn late_events(body: &Recording, began: Timestamp) -> Option<String> {
    let delays = delays(body, began);
    // Times in whole seconds are off by up to one.
    let whole = delays.iter().all(|one| one.event.made.is_some_and(|made| made.subsec_nanosecond() == 0));
    let doubt = if whole { SignedDuration::from_secs(1) } else { SignedDuration::ZERO };
    let mut spreads: Vec<SignedDuration> =
        body.bursts.iter().filter_map(|burst| spread(burst, &delays)).map(|spread| spread - doubt).collect();
    spreads.sort_unstable();
    let worst = *spreads.last()?;
    let again = spreads.iter().filter(|spread| **spread >= APART_AGAIN).count();
    if worst < APART && again < 2 {
        return None;
    }
    let late = delays.iter().filter(|one| one.delay >= APART_AGAIN).count() as u64;
    Some(format!(
        "{} arrived late by their own time, by up to {}, in {}",
        count(late, "event"),
        seconds(worst.unsigned_abs()),
        count(again as u64, "burst")
    ))
}

/// How far apart the events of a burst were made. `None` for fewer than two.
fn spread(burst: &Burst, delays: &[Delayed<'_>]) -> Option<SignedDuration> {
    let inside = |one: &&Delayed<'_>| (burst.at..=burst.until).contains(&one.event.at);
    let times = || delays.iter().filter(inside).map(|one| one.delay);
    Some(times().max()? - times().min()?).filter(|_| times().count() > 1)
}

fn torn_lines(body: &Recording) -> Option<String> {
    let pauses: Vec<(Duration, u64)> = body
        .bursts
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
        "{} in the middle of a line, of up to {}, each after a burst of up to {bytes} bytes",
        count(pauses.len() as u64, "pause"),
        seconds(longest)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::sample::stream;

    /// Each event is made at the first time and arrives at the second, in milliseconds since the request.
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
    fn events_that_arrive_together_but_were_made_apart_were_buffered() {
        let bursts = [(100, 1000), (500, 1000), (999, 1000), (1100, 2000), (1500, 2000), (1999, 2000)];
        for ahead in [0, -3_600_000, 5_000] {
            let seen = judged(&bursts, ahead).unwrap();
            assert_eq!(seen, "2 events arrived late by their own time, by up to 0.9 s, in 2 bursts");
        }
        assert!(judged(&[(100, 2000), (1990, 2000)], 0).is_some());
    }

    #[test]
    fn events_that_arrive_as_they_are_made_were_not_buffered() {
        assert_eq!(judged(&[(100, 101), (500, 502), (900, 930), (1900, 1905)], 0), None);
        // A slow network is no buffer: all are equally late.
        assert_eq!(judged(&[(100, 3100), (500, 3500), (900, 3900)], 0), None);
        // A batch that was published as one.
        assert_eq!(judged(&[(1000, 1001), (1000, 1001), (1001, 1002)], 0), None);
        // One hiccup of a busy machine.
        assert_eq!(judged(&[(100, 1000), (500, 1000), (999, 1000), (1500, 1501)], 0), None);
    }

    #[test]
    fn history_can_have_any_age() {
        let hour = 3_600_000;
        let replay = [(-hour, 5), (-hour / 2, 5), (-2_000, 5), (100, 101), (600, 601)];
        assert_eq!(judged(&replay, 0), None);
        assert_eq!(judged(&replay[..3], 0), None);
    }

    #[test]
    fn times_in_whole_seconds_are_off_by_one() {
        assert_eq!(judged(&[(1000, 1900), (2000, 2100), (2000, 2900), (3000, 3100)], 0), None);
    }

    #[test]
    fn pauses_inside_lines_are_evidence() {
        let torn = stream([(0, "data: a\n\ndata:"), (600, " b\n\nda"), (1200, "ta: c\n\n")]);
        let seen = evidence(&torn.body, torn.began).unwrap();
        assert_eq!(
            seen,
            "2 pauses in the middle of a line, of up to 0.6 s, each after a burst of up to 14 bytes"
        );
        let whole = stream([(0, "data: a\n\n"), (600, "data: b\n"), (1200, "\n")]);
        assert_eq!(evidence(&whole.body, whole.began), None);
    }
}
