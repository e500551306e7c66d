//! Heartbeats, and whether an idle stream is cut.

use std::time::Duration;

use crate::doctor::finding::{Finding, Severity, Verdict};
use crate::doctor::fix;
use crate::doctor::observation::{Answer, End, Observation, Stream};
use crate::units::seconds;

/// The standard recommends a comment every 15 s or so.
const HEARTBEAT: Duration = Duration::from_secs(17);
/// A shorter silence does not explain the end.
const IDLE: Duration = Duration::from_secs(2);

pub(super) fn heartbeat(seen: &Observation, _: &Answer, stream: &Stream) -> Verdict {
    let silence = stream.longest_silence();
    if silence > HEARTBEAT {
        return Finding::warning("there is no heartbeat")
            .seen(format!("no byte for {}", seconds(silence)))
            .why(
                "Proxies and routers close idle connections, nginx after 60 s, some after 30 s. \
                 Without traffic neither side notices that the other is gone.",
            )
            .fix(fix::HEARTBEAT);
    }
    match stream.body.wire().comments {
        0 if seen.watch < HEARTBEAT => Verdict::Unjudged("watched for less than 17 s"),
        _ => Verdict::Good(format!("the longest silence was {}", seconds(silence))),
    }
}

pub(super) fn cut(seen: &Observation, answer: &Answer, stream: &Stream) -> Verdict {
    let silence = stream.final_silence();
    if stream.end == End::Open {
        return open(seen, stream, silence);
    }
    let lasted = stream.ended.saturating_sub(answer.at);
    let how = match &stream.end {
        End::Broken(reason) => format!("in the middle of the body ({reason})"),
        _ => "regularly".to_owned(),
    };
    if silence >= IDLE && silence >= stream.body.longest_silence {
        return Finding::fault("the stream is cut when it is idle")
            .seen(format!("after {} without a byte the connection was closed, {how}", seconds(silence)))
            .why(
                "Something on the path closes idle connections. Readers reconnect again and again, \
                 and events without ids are lost.",
            )
            .fix(fix::LONG_TIMEOUT);
    }
    let (severity, title) = match stream.end {
        End::Broken(_) => (Severity::Fault, "the stream breaks off"),
        _ => (Severity::Warning, "the server ends the stream"),
    };
    Finding::new(severity, title)
        .seen(format!("after {} the connection was closed, {how}", seconds(lasted)))
        .why("Browsers wait and reconnect, for ever. Without ids, events in between are lost.")
        .fix(fix::KEEP_OPEN)
}

fn open(seen: &Observation, stream: &Stream, silence: Duration) -> Verdict {
    match seen.idle {
        Some(idle) if silence < idle => Verdict::Unjudged("never silent for --idle"),
        Some(_) => Verdict::Good(format!("open after {} of silence", seconds(silence))),
        None => Verdict::Good(format!("open after {}", seconds(stream.ended))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::sample::{healthy, stream};

    fn heartbeat_of(pieces: &[(u64, &str)]) -> Verdict {
        let seen = healthy("http://localhost/x");
        heartbeat(&seen, seen.answer.as_ref().unwrap(), &stream(pieces.iter().copied()))
    }

    #[test]
    fn a_long_silence_lacks_a_heartbeat_wherever_it_is() {
        for silent in [&[][..], &[(0, "data: x\n\n")], &[(0, "data: x\n\n"), (19_000, ":\n\n")]] {
            let Verdict::Found(findings) = heartbeat_of(silent) else { panic!("{silent:?}") };
            assert_eq!(findings[0].title, "there is no heartbeat");
        }
        for beating in [&[(0, "data: x\n\n"), (15_000, ":\n\n")][..], &[(5_000, ":\n"), (10_000, ":\n")]] {
            assert!(matches!(heartbeat_of(beating), Verdict::Good(_)), "{beating:?}");
        }
    }

    #[test]
    fn a_short_look_says_nothing_of_heartbeats() {
        let mut seen = healthy("http://localhost/x");
        seen.watch = Duration::from_secs(5);
        let mut short = stream([(0, "data: x\n\n")]);
        short.ended = Duration::from_secs(5);
        assert!(matches!(heartbeat(&seen, seen.answer.as_ref().unwrap(), &short), Verdict::Unjudged(_)));
    }
}
