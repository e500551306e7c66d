//! Is the stream compressed, and does that hold events back?

use std::time::Duration;

use super::{buffering, seconds};
use crate::doctor::finding::{Finding, Severity, Verdict};
use crate::doctor::observation::{Answer, Compressed, Observation, Stream};
use crate::doctor::probe;
use crate::doctor::remedy::Remedy;

/// So much later than without gzip is held back, and no chance.
const LATE: Duration = Duration::from_secs(1);

pub(super) fn check(seen: &Observation, answer: &Answer) -> Verdict {
    if !answer.is_event_stream() {
        return Verdict::Unjudged("no stream");
    }
    if let Some(encoding) = probe::encoding(answer) {
        return Verdict::found(Finding {
            severity: Severity::Fault,
            title: "the stream is compressed for readers that did not ask for it",
            seen: format!("Content-Encoding: {encoding}, without any Accept-Encoding"),
            why: "A reader that cannot unpack it sees noise.",
            remedy: Remedy::NoCompression,
        });
    }
    let Some(stream) = &seen.stream else { return Verdict::Unjudged("no stream") };
    let Some(compressed) = &stream.compressed else {
        return Verdict::Good("none, also where gzip is allowed".to_owned());
    };
    Verdict::found(match held_back(stream, compressed) {
        Some(seen) => Finding {
            severity: Severity::Fault,
            title: "compression holds events back",
            seen,
            why: "The compressor waits until a block is full. Every browser allows gzip, so pages get events \
                  late, and many at once.",
            remedy: Remedy::NoCompression,
        },
        None => Finding {
            severity: Severity::Note,
            title: "the stream is compressed",
            seen: format!(
                "Content-Encoding: {} where it is allowed; events came in time",
                compressed.encoding
            ),
            why: "Each open stream keeps a compressor (up to 256 KiB), and each event must be flushed through it.",
            remedy: Remedy::NoCompression,
        },
    })
}

/// What shows that events come later with compression than without.
fn held_back(stream: &Stream, compressed: &Compressed) -> Option<String> {
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
