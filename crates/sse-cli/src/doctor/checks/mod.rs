//! All checks, in the order of the report. Each is a pure function of the observation.

mod buffering;
mod certificate;
mod compression;
mod cors;
mod head;
mod resuming;
mod silence;
mod status;
mod wire;

use super::finding::Verdict;
use super::observation::{Answer, Observation, Stream};

/// Its name is stable in `--json`.
pub(super) struct Check {
    pub(super) name: &'static str,
    judge: Judge,
}

/// What a check needs.
enum Judge {
    Anything(fn(&Observation) -> Verdict),
    Head(fn(&Observation, &Answer) -> Verdict),
    Stream(fn(&Observation, &Answer, &Stream) -> Verdict),
}

pub(super) const CHECKS: [Check; 20] = [
    Check { name: "answer", judge: Judge::Anything(status::answered) },
    Check { name: "certificate", judge: Judge::Anything(certificate::check) },
    Check { name: "redirects", judge: Judge::Anything(status::redirects) },
    Check { name: "status", judge: Judge::Head(status::status) },
    Check { name: "content-type", judge: Judge::Head(head::content_type) },
    Check { name: "http-version", judge: Judge::Head(head::version) },
    Check { name: "cache-control", judge: Judge::Head(head::cache_control) },
    Check { name: "compression", judge: Judge::Head(compression::check) },
    Check { name: "first-byte", judge: Judge::Stream(buffering::first_byte) },
    Check { name: "buffering", judge: Judge::Stream(buffering::check) },
    Check { name: "heartbeat", judge: Judge::Stream(silence::heartbeat) },
    Check { name: "cut", judge: Judge::Stream(silence::cut) },
    Check { name: "framing", judge: Judge::Stream(wire::framing) },
    Check { name: "byte-order-mark", judge: Judge::Stream(wire::byte_order_mark) },
    Check { name: "utf-8", judge: Judge::Stream(wire::utf8) },
    Check { name: "line-length", judge: Judge::Stream(wire::line_length) },
    Check { name: "ids", judge: Judge::Stream(resuming::ids) },
    Check { name: "resume", judge: Judge::Stream(resuming::resume) },
    Check { name: "retry", judge: Judge::Stream(resuming::retry) },
    Check { name: "cors", judge: Judge::Head(cors::check) },
];

impl Check {
    pub(super) fn verdict(&self, seen: &Observation) -> Verdict {
        match (&self.judge, &seen.answer, &seen.stream) {
            (Judge::Anything(judge), _, _) => judge(seen),
            (Judge::Head(judge), Ok(answer), _) => judge(seen, answer),
            (Judge::Stream(judge), Ok(answer), Some(stream)) => judge(seen, answer, stream),
            (Judge::Head(_), Err(_), _) => Verdict::Unjudged("no answer"),
            (Judge::Stream(_), _, _) => Verdict::Unjudged("no stream"),
        }
    }
}
