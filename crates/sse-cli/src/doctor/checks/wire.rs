//! The bytes of the stream: fields, the byte order mark, UTF-8, long lines.

use crate::doctor::finding::{Finding, Severity, Verdict};
use crate::doctor::fix;
use crate::doctor::observation::{Answer, Observation, Stream};
use crate::units::count;

/// The line limit of many clients, such as Python's asyncio.
const LONG_LINE: u64 = 64 << 10;
/// The line limit of sse-client, far above that of others.
const TOO_LONG_LINE: u64 = 4 << 20;

pub(super) fn framing(_: &Observation, _: &Answer, stream: &Stream) -> Verdict {
    let wire = stream.body.wire();
    let unended = (wire.data_lines > 0 && stream.body.event_count == 0).then(|| {
        Finding::fault("events are not ended by an empty line")
            .seen(format!("{} and no event", count(wire.data_lines, "data line")))
            .why("Readers wait for the empty line, and deliver nothing.")
            .fix(fix::FRAMING)
    });
    let ignored = wire.first_unknown.as_ref().map(|first| {
        let severity = if wire.data_lines == 0 { Severity::Fault } else { Severity::Warning };
        Finding::new(severity, "there are lines that readers ignore")
            .seen(format!("{}, the first: {first}", count(wire.unknown_lines, "line")))
            .why(
                "A line starts with data:, event:, id: or retry: in lower case, or with a colon for \
                 a comment. Anything else is ignored silently.",
            )
            .fix(fix::FRAMING)
    });
    Verdict::of([unended, ignored].into_iter().flatten(), || count(stream.body.event_count, "event"))
}

pub(super) fn byte_order_mark(_: &Observation, _: &Answer, stream: &Stream) -> Verdict {
    let wire = stream.body.wire();
    if wire.inner_marks > 0 {
        return Finding::fault("there are byte order marks inside the stream")
            .seen(format!("at the start of {}", count(wire.inner_marks, "later line")))
            .why(
                "Only the first is removed. Later ones become part of the field name, and the line is \
                 ignored.",
            )
            .fix(fix::BYTE_ORDER_MARK);
    }
    if wire.leading_mark {
        return Finding::warning("the stream starts with a byte order mark")
            .seen("EF BB BF before the first line")
            .why("Browsers remove it; many other clients lose the first line, and some crash.")
            .fix(fix::BYTE_ORDER_MARK);
    }
    Verdict::Good("none".to_owned())
}

pub(super) fn utf8(_: &Observation, _: &Answer, stream: &Stream) -> Verdict {
    match stream.body.wire().invalid {
        Some((offset, byte)) => Finding::fault("the stream is not UTF-8")
            .seen(format!("byte {byte:02X} at offset {offset}"))
            .why("Browsers replace invalid bytes by U+FFFD, and some clients stop reading.")
            .fix(fix::UTF8),
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
    Finding::new(severity, "there are very long lines")
        .seen(format!("one of {longest} bytes or more"))
        .why("Many clients limit a line to 64 KiB, and drop the event or the connection beyond that.")
        .fix(fix::SHORT_LINES)
}
