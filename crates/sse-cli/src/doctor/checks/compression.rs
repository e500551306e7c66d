//! Is the stream compressed, and does compression delay events?

use std::time::Duration;

use super::buffering;
use crate::doctor::finding::{Finding, Verdict};
use crate::doctor::fix;
use crate::doctor::observation::{Answer, Compressed, Observation, Stream};
use crate::doctor::probe;
use crate::units::seconds;

/// A larger delay than without gzip is no coincidence.
const LATE: Duration = Duration::from_secs(1);

pub(super) fn check(seen: &Observation, answer: &Answer) -> Verdict {
    if !answer.is_event_stream() {
        return Verdict::Unjudged("no stream");
    }
    if let Some(encoding) = probe::encoding(answer) {
        return Finding::fault("the stream is compressed without being asked to")
            .seen(format!("Content-Encoding: {encoding}, without any Accept-Encoding"))
            .why("Readers that cannot decompress it see noise.")
            .fix(fix::NO_COMPRESSION);
    }
    let Some(stream) = &seen.stream else { return Verdict::Unjudged("no stream") };
    let Some(compressed) = &stream.compressed else {
        return Verdict::Good("none, even with gzip allowed".to_owned());
    };
    let encoding = &compressed.encoding;
    match delayed(stream, compressed) {
        Some(seen) => Finding::fault("compression delays events")
            .seen(seen)
            .why(
                "The compressor waits until a block is full. Every browser allows gzip, so events reach \
                 pages late and in bursts.",
            )
            .fix(fix::NO_COMPRESSION),
        None => Finding::note("the stream is compressed")
            .seen(format!("Content-Encoding: {encoding} with gzip allowed; events arrived in time"))
            .why(
                "Each open stream needs a compressor (up to 256 KiB), which must be flushed after each \
                 event.",
            )
            .fix(fix::NO_COMPRESSION),
    }
}

/// The evidence that events arrive later with compression than without.
fn delayed(stream: &Stream, compressed: &Compressed) -> Option<String> {
    let encoding = &compressed.encoding;
    let plain = stream.body.events.first()?.at;
    match compressed.body.events.first() {
        Some(first) if first.at > plain + LATE => Some(format!(
            "with {encoding} the first event came after {}, without after {}",
            seconds(first.at),
            seconds(plain)
        )),
        None if stream.ended > plain + LATE => Some(format!(
            "with {encoding} no event came in {}, without the first came after {}",
            seconds(stream.ended),
            seconds(plain)
        )),
        _ if buffering::evidence(&stream.body, stream.began).is_none() => {
            let evidence = buffering::evidence(&compressed.body, compressed.began)?;
            Some(format!("only with {encoding}: {evidence}"))
        }
        _ => None,
    }
}
