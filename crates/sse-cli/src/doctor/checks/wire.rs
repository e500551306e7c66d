//! The bytes of the stream: fields, the byte order mark, UTF-8, long lines.

use super::count;
use crate::doctor::finding::{Finding, Severity, Verdict};
use crate::doctor::observation::{Answer, Observation, Stream};
use crate::doctor::remedy::Remedy;

/// The limit on a line in many clients, Python's asyncio among them.
const LONG_LINE: u64 = 64 << 10;
/// The limit of our own client, and far more than others take.
const TOO_LONG_LINE: u64 = 4 << 20;

pub(super) fn framing(_: &Observation, _: &Answer, stream: &Stream) -> Verdict {
    let wire = stream.body.wire();
    let mut findings = Vec::new();
    if wire.data_lines > 0 && stream.body.event_count == 0 {
        findings.push(Finding {
            severity: Severity::Fault,
            title: "events are not ended by an empty line",
            seen: format!("{} and no event", count(wire.data_lines, "line of data", "lines of data")),
            why: "A reader waits for the empty line for ever, and its page sees nothing.",
            remedy: Remedy::Framing,
        });
    }
    if let Some(first) = &wire.first_unknown {
        let nothing_else = wire.data_lines == 0;
        findings.push(Finding {
            severity: if nothing_else { Severity::Fault } else { Severity::Warning },
            title: "there are lines that readers ignore",
            seen: format!("{}, the first: {first}", count(wire.unknown_lines, "line", "lines")),
            why: "A line is data:, event:, id: or retry:, in lower case from its first character, or a comment \
                  (:). Everything else is dropped without a word.",
            remedy: Remedy::Framing,
        });
    }
    Verdict::of(findings, || count(stream.body.event_count, "event", "events"))
}

pub(super) fn byte_order_mark(_: &Observation, _: &Answer, stream: &Stream) -> Verdict {
    let wire = stream.body.wire();
    if wire.inner_marks > 0 {
        return Verdict::found(Finding {
            severity: Severity::Fault,
            title: "there are byte order marks within the stream",
            seen: format!("{} with one", count(wire.inner_marks, "line starts", "lines start")),
            why: "Only the very first is dropped. Later ones become part of the field's name, and the line is lost.",
            remedy: Remedy::ByteOrderMark,
        });
    }
    if wire.leading_mark {
        return Verdict::found(Finding {
            severity: Severity::Warning,
            title: "the stream starts with a byte order mark",
            seen: "EF BB BF before the first line".to_owned(),
            why: "Browsers drop it; many other clients lose the first line, and some crash.",
            remedy: Remedy::ByteOrderMark,
        });
    }
    Verdict::Good("none".to_owned())
}

pub(super) fn utf8(_: &Observation, _: &Answer, stream: &Stream) -> Verdict {
    match stream.body.wire().invalid {
        Some((offset, byte)) => Verdict::found(Finding {
            severity: Severity::Fault,
            title: "the stream is not UTF-8",
            seen: format!("byte {byte:02X} at offset {offset}"),
            why: "Browsers show U+FFFD instead, and what was meant is lost. Some clients stop reading.",
            remedy: Remedy::Utf8,
        }),
        None => Verdict::Good("valid".to_owned()),
    }
}

pub(super) fn line_length(_: &Observation, _: &Answer, stream: &Stream) -> Verdict {
    let longest = stream.body.wire().longest_line;
    let severity = match longest {
        TOO_LONG_LINE.. => Severity::Fault,
        LONG_LINE.. => Severity::Warning,
        _ => return Verdict::Good(format!("at most {longest} bytes")),
    };
    Verdict::found(Finding {
        severity,
        title: "there are very long lines",
        seen: format!("one of {longest} bytes or more"),
        why: "Many clients limit a line to 64 KiB, and drop the event or the connection at a longer one.",
        remedy: Remedy::ShortLines,
    })
}
